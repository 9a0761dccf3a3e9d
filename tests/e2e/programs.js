// What Node.js tests of all suites stand on: programs that end with the test, and ports.
'use strict';
const { spawn } = require('node:child_process');
const net = require('node:net');

const PATIENCE_MS = 10000;

// Started programs by their exit promises.
const running = new Set();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });

// Starts a program and waits until its output matches.
function start(command, args, options, ready) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.add(child);
    child.said = '';
    child.ended = new Promise((done) => child.on('exit', (code, signal) => {
        running.delete(child);
        done(code ?? signal);
    }));
    return new Promise((resolve, reject) => {
        const fail = (why) => reject(new Error(`${command}: ${why}\n${child.said}`));
        const timer = setTimeout(() => fail('not ready in time'), PATIENCE_MS);
        const hear = (part) => {
            child.said += part;
            if (!ready.test(child.said)) return;
            clearTimeout(timer);
            resolve(child);
        };
        child.stdout.on('data', hear);
        child.stderr.on('data', hear);
        child.on('error', fail);
        child.ended.then((code) => fail(`ended with ${code}`));
    });
}

// Below those that the kernel gives to connections, so that none of these takes it meanwhile.
const FIRST = 10240, LAST = 32700;
const given = new Set();
let nextPort = FIRST + (process.pid * 37) % (LAST - FIRST);
async function freePort() {
    for (;;) {
        const port = nextPort;
        nextPort = nextPort < LAST ? nextPort + 1 : FIRST;
        const isFree = !given.has(port) && await new Promise((resolve) => {
            const server = net.createServer();
            server.on('error', () => resolve(false));
            server.listen(port, () => server.close(() => resolve(true))); // on all addresses
        });
        if (isFree) {
            given.add(port);
            return port;
        }
    }
}

module.exports = { running, start, freePort };
