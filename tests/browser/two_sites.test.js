// Chromium loads two https sites of one port and holds a WebSocket open.
'use strict';
const assert = require('node:assert');
const test = require('node:test');
const { scene } = require('./scene.js');

// A page whose console errors and failed requests are kept.
async function pageAt(browser, url) {
    const page = await browser.newPage();
    page.complaints = [];
    page.on('console', (message) => { if (message.type() === 'error') page.complaints.push(message.text()); });
    page.on('pageerror', (error) => page.complaints.push(String(error)));
    page.on('requestfailed', (request) => page.complaints.push(`${request.url()}: ${request.failure().errorText}`));
    const response = await page.goto(url);
    assert.strictEqual(response.status(), 200);
    assert.strictEqual((await response.securityDetails()).protocol.startsWith('TLS 1.3'), true);
    return page;
}

// Runs in the page: one message out, one back, every 100 ms, *count* times.
function talk(count) {
    return new Promise((resolve, reject) => {
        const socket = new WebSocket(`wss://${location.host}/chat`);
        const heard = [];
        socket.onerror = () => reject(new Error(`the socket failed after ${heard.length} messages`));
        socket.onopen = () => socket.send('message 0');
        socket.onmessage = (event) => {
            heard.push(event.data);
            if (heard.length === count) socket.close(1000);
            else setTimeout(() => socket.send(`message ${heard.length}`), 100);
        };
        socket.onclose = (event) => resolve({ heard, clean: event.wasClean });
    });
}

test('chromium loads two https sites of one port and holds a WebSocket open', { timeout: 60000 }, async () => {
    const set = await scene(async ({ browser, port }) => {
        const one = await pageAt(browser, `https://one.test:${port}/page`);
        const two = await pageAt(browser, `https://two.test:${port}/page`);
        assert.strictEqual(await one.title(), `one.test:${port}`);
        assert.strictEqual(await two.title(), `two.test:${port}`);

        const [talked, fetched] = await Promise.all([
            one.evaluate(talk, 30),
            two.evaluate(async () => (await (await fetch('/echo', { method: 'POST', body: 'x'.repeat(500000) })).text()).length),
        ]);
        assert.deepStrictEqual(talked.heard, Array.from({ length: 30 }, (_, i) => `message ${i}`));
        assert.strictEqual(talked.clean, true);
        assert.strictEqual(fetched, 500000);
        assert.deepStrictEqual([...one.complaints, ...two.complaints], []);
    });
    assert.strictEqual(set.exitCode, 0, 'Portico stops in order');
});
