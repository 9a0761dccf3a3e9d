// What a browser test stands on: a directory, a backend, Portico and Chromium; all of it gone at the end.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { running, start, freePort } = require('../e2e/programs.js');

const PATIENCE_MS = 10000;

async function appStart() {
    const app = await start('node', [path.join(__dirname, '../e2e/app.js')], {}, /ready/);
    return { process: app, port: parseInt(app.said, 10) };
}

// Portico on a configuration; its local CA is put where Chromium looks for the user's own.
async function porticoStart(dir, yaml) {
    fs.writeFileSync(path.join(dir, 'portico.yaml'), yaml);
    const portico = await start(process.env.PORTICO, ['run', '-c', 'portico.yaml'], { cwd: dir }, / ready/);
    const ca = execFileSync('find', [path.join(dir, 'state'), '-name', 'ca.crt'], { encoding: 'utf8' }).trim();
    const store = path.join(dir, '.pki/nssdb');
    fs.mkdirSync(store, { recursive: true });
    execFileSync('certutil', ['-d', `sql:${store}`, '-N', '--empty-password']);
    execFileSync('certutil', ['-d', `sql:${store}`, '-A', '-t', 'C,,', '-n', 'portico', '-i', ca]);
    return portico;
}

function browserStart(dir) {
    return chromium.launchPersistentContext(path.join(dir, 'profile'), {
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        ignoreHTTPSErrors: false,
        timeout: 30000,
        env: { ...process.env, HOME: dir },
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--no-proxy-server',
            '--disable-background-networking', '--disable-component-update', '--disable-sync',
            '--host-resolver-rules=MAP * 127.0.0.1'],
    });
}

// Calls the play with {dir, app, port} and cleans up whatever happens.
async function scene(play) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'portico-browser-'));
    const app = await appStart();
    const set = { dir, app, port: await freePort() };
    try {
        set.portico = await porticoStart(dir, [
            'routes:',
            `  https://one.test:${set.port}: ${app.port}`,
            `  https://two.test:${set.port}: ${app.port}`,
            'local_ca: true',
            `state: ${dir}/state`,
            ''].join('\n'));
        set.browser = await browserStart(dir);
        await play(set);
        await set.browser.close();
        set.portico.kill('SIGTERM');
        set.exitCode = await set.portico.ended;
    } finally {
        await set.browser?.close().catch(() => {});
        for (const child of [set.portico, app.process]) {
            if (child && running.has(child)) {
                child.kill('SIGKILL');
                await child.ended;
            }
        }
        fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
    return set;
}

module.exports = { scene };
