// Chromium speaks HTTP/2 with Portico, and a WebSocket over it (RFC 8441).
'use strict';
const assert = require('node:assert');
const test = require('node:test');
const { scene } = require('./scene.js');

// Runs in the page: which protocol the page and 50 more requests at once came by.
async function protocols() {
    const answers = await Promise.all(Array.from({ length: 50 }, async (_, i) => (await fetch(`/echo?${i}`, { method: 'POST', body: `${i}` })).text()));
    const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    return { answers, protocols: [...new Set(entries.map((entry) => entry.nextHopProtocol))], count: entries.length };
}

// Runs in the page: that many messages, each when the one before has come back.
function talk(count) {
    return new Promise((resolve, reject) => {
        const socket = new WebSocket(`wss://${location.host}/chat`);
        let heard = 0;
        socket.onerror = () => reject(new Error(`the socket failed after ${heard} messages`));
        socket.onopen = () => socket.send('message 0');
        socket.onmessage = (event) => {
            if (event.data !== `message ${heard}`) reject(new Error(`heard ${event.data}`));
            if (++heard === count) socket.close(1000);
            else socket.send(`message ${heard}`);
        };
        socket.onclose = (event) => resolve({ heard, clean: event.wasClean, code: event.code });
    });
}

test('chromium speaks h2, and a WebSocket over it', { timeout: 60000 }, async () => {
    const set = await scene(async ({ browser, port, portico }) => {
        const page = await browser.newPage();
        const response = await page.goto(`https://one.test:${port}/page`);
        assert.strictEqual(response.status(), 200);

        const got = await page.evaluate(protocols);
        assert.deepStrictEqual(got.protocols, ['h2']);
        assert.ok(got.count >= 51, `${got.count}`);
        assert.deepStrictEqual(got.answers, Array.from({ length: 50 }, (_, i) => `${i}`));

        assert.deepStrictEqual(await page.evaluate(talk, 200), { heard: 200, clean: true, code: 1000 });
        // Chromium tells nobody how its WebSocket came; the access log does.
        for (let tries = 0; tries < 100 && !/\/chat HTTP/.test(portico.said); tries++) await new Promise((go) => setTimeout(go, 20));
        assert.match(portico.said, /"[A-Z]+ \/chat HTTP\/2(\.0)?"/);
    });
    assert.strictEqual(set.exitCode, 0, 'Portico stops in order');
});
