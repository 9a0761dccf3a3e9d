// What a Node.js test stands on: a directory, ports, certificates and programs, all of it gone at the end; and how
// cases are counted. Environment: PORTICO names the program.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const programs = require('../e2e/programs.js');
const { freePort } = programs;

const PATIENCE_MS = 10000;
const program = path.resolve(process.env.PORTICO ?? 'build/release/portico');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'portico-h2-'));

process.on('exit', () => {
    fs.rmSync(dir, { recursive: true, force: true });
});

const start = (command, args, ready) => programs.start(command, args, { cwd: dir }, ready);

// {ca, cert, key} as text, {caPath, certPath, keyPath}: an authority and a leaf of it for these names.
function certificate(...names) {
    const at = (name) => path.join(dir, name);
    const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
    openssl('req', '-x509', ...key, '-subj', '/CN=authority', '-keyout', at('ca.key'), '-out', at('ca.pem'),
        '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
    openssl('req', '-x509', ...key, '-subj', `/CN=${names[0]}`, '-keyout', at('leaf.key'), '-out', at('leaf.pem'),
        '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-addext', 'basicConstraints=CA:FALSE', '-addext',
        `subjectAltName=${names.map((name) => (net.isIP(name) ? 'IP:' : 'DNS:') + name).join(',')}`);
    const [caPath, certPath, keyPath] = ['ca.pem', 'leaf.pem', 'leaf.key'].map(at);
    const [ca, cert, secret] = [caPath, certPath, keyPath].map((file) => fs.readFileSync(file, 'utf8'));
    return { ca, cert, key: secret, caPath, certPath, keyPath };
}

// Serves that configuration; what it says goes on in child.said.
function portico(yaml) {
    fs.writeFileSync(path.join(dir, 'portico.yaml'), `${yaml}\nstate: ${dir}/state\nadmin: unix:${dir}/admin.sock\n`);
    return start(program, ['run', '-c', 'portico.yaml'], / ready/);
}

async function porticoStop(child) {
    child.kill('SIGTERM');
    const code = await child.ended;
    if (code !== 0) throw new Error(`Portico ended with ${code}\n${child.said}`);
}

// Fails when that takes longer than a case may.
function within(ms, what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: nothing came of it in ${ms} ms`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// True as soon as the condition is.
async function until(condition, ms = PATIENCE_MS / 2) {
    for (const end = Date.now() + ms; Date.now() < end;) {
        if (await condition()) return true;
        await new Promise((go) => setTimeout(go, 5));
    }
    return false;
}

const counts = { passed: 0, failed: 0 };
// ONLY=TEXT in the environment: the cases with that in their names.
async function check(name, play, ms = PATIENCE_MS) {
    if (process.env.ONLY && !name.includes(process.env.ONLY)) return;
    try {
        await within(ms, name, play());
        counts.passed++;
    } catch (error) {
        counts.failed++;
        console.log(`[FAIL] ${name}: ${error.stack ?? error}`);
    }
}

// The last line is as Criterion's, so that tests/tools/count_tests counts the cases. Ends the program.
function conclude(suite) {
    const { passed, failed } = counts;
    console.log(`[====] ${suite} Synthesis: Tested: ${passed + failed} | Passing: ${passed} | Failing: ${failed} | Crashing: 0`);
    process.exit(failed > 0 || passed === 0 ? 1 : 0);
}

module.exports = { dir, start, freePort, certificate, portico, porticoStop, until, check, conclude };
