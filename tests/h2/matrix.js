// Every version in front with every version behind, the same cases for each pair: whatever two speak, it means the same.
'use strict';
const assert = require('node:assert');
const { appStart, digestOf } = require('./app.js');
const { FrontOfHttp1, FrontOfHttp2 } = require('./fronts.js');
const stage = require('./stage.js');
const websocket = require('./websocket.js');

const SIZES = [0, 1, 65536, 5 << 20];

function expectContent(got, size) {
    assert.strictEqual(got.status, 200, got.error);
    assert.ok(got.isComplete, `an answer of ${got.length} bytes was cut`);
    assert.strictEqual(got.length, size);
    assert.strictEqual(got.digest, digestOf(size));
}

function expectOwnError(got, status) {
    assert.strictEqual(got.status, status, got.error);
    assert.match(got.headers['x-portico-error'] ?? '', /^[0-9a-f]{16}$/);
    assert.ok(got.isComplete);
}

function expectCut(got) {
    assert.ok(!got.isComplete, `a cut answer looks like one of ${got.length} bytes that ended`);
}

// Each plays with {front, back, host, deaf}: *host* leads to *back*, *deaf* to nobody.
const cases = {};
for (const size of SIZES) {
    cases[`an answer of ${size} bytes with a length`] = async ({ front, host }) => {
        const got = await front.ask({ host, path: `/size?n=${size}` });
        expectContent(got, size);
        assert.strictEqual(got.headers['content-length'], `${size}`);
    };
    cases[`an answer of ${size} bytes of unknown length`] = async ({ front, host }) => {
        expectContent(await front.ask({ host, path: `/stream?n=${size}` }), size);
    };
    cases[`a request of ${size} bytes with a length`] = async ({ front, host }) => {
        const got = await front.ask({ host, path: '/sum', method: 'POST', size, headers: { 'content-length': size } });
        const { digest, length, declared } = JSON.parse(got.text);
        assert.deepStrictEqual({ digest, length, declared }, { digest: digestOf(size), length: size, declared: `${size}` });
    };
    cases[`a request of ${size} bytes of unknown length`] = async ({ front, host }) => {
        const got = await front.ask({ host, path: '/sum', method: 'POST', size });
        const { digest, length } = JSON.parse(got.text);
        assert.deepStrictEqual({ digest, length }, { digest: digestOf(size), length: size });
    };
    cases[`${size} bytes there and back`] = async ({ front, host }) => {
        expectContent(await front.ask({ host, path: '/echo', method: 'POST', size }), size);
    };
}

Object.assign(cases, {
    'a request without content': async ({ front, host, back }) => {
        const { headers, version, url, method } = JSON.parse((await front.ask({ host, path: '/headers?a=b', headers: { 'x-one': '1' } })).text);
        assert.deepStrictEqual([version, url, method], [back.kind.startsWith('http') ? '1.1' : '2.0', '/headers?a=b', 'GET']);
        assert.strictEqual(headers['x-one'], '1');
        assert.strictEqual(headers['content-length'] ?? headers['transfer-encoding'], undefined);
        assert.strictEqual((headers.host ?? headers[':authority']).split(':')[0], host);
    },
    'cookies arrive as one field': async ({ front, host, back }) => {
        const { headers } = JSON.parse((await front.ask({ host, path: '/headers', headers: { cookie: 'a=1; b=2; c=3' } })).text);
        assert.strictEqual(headers.cookie, 'a=1; b=2; c=3', back.kind);
    },
    'trailers of the answer': async ({ front, host }) => {
        const got = await front.ask({ host, path: '/trailers', headers: { te: 'trailers' } });
        assert.strictEqual(got.text, 'with trailers');
        assert.ok(got.isComplete);
        assert.strictEqual(got.trailers['x-sum'], '42');
    },
    'trailers of the request': async ({ front, host }) => {
        const got = await front.ask({ host, path: '/trailers', method: 'POST', text: 'hello', trailers: { 'x-check': 'yes' },
            headers: { te: 'trailers' } });
        assert.strictEqual(got.trailers['x-got'], 'yes');
    },
    'HEAD': async ({ front, host }) => {
        const got = await front.ask({ host, path: '/size?n=1000', method: 'HEAD' });
        assert.deepStrictEqual([got.status, got.length, got.headers['content-length'], got.isComplete], [200, 0, '1000', true]);
    },
    'the interim answer 103': async ({ front, host }) => {
        const got = await front.ask({ host, path: '/hints' });
        assert.deepStrictEqual([got.text, got.interim.length, got.interim[0]?.status], ['after hints', 1, 103]);
        assert.match(String(got.interim[0].headers.link), /style\.css/);
    },
    'content that waits for 100': async ({ front, host, back }) => {
        const checks = back.seen.checks;
        const got = await front.ask({ host, path: '/sum', method: 'POST', size: 1000, expects: true });
        assert.strictEqual(JSON.parse(got.text).digest, digestOf(1000));
        assert.strictEqual(back.seen.checks, checks + 1);
    },
    'an answer before the content has come': async ({ front, host }) => {
        const got = await front.ask({ host, path: '/early', method: 'POST', text: 'a', holds: true, heard: (request) => request.end() });
        assert.deepStrictEqual([got.status, got.text], [403, 'no']);
    },
    'content in both directions at once': async ({ front, host }) => {
        const got = await front.ask({ host, path: '/echo', method: 'POST', text: 'first', holds: true,
            heard: (request) => { request.write(' second'); request.end(' third'); } });
        assert.deepStrictEqual([got.text, got.isComplete], ['first second third', true]);
    },
    'a WebSocket of 1,000 messages': async ({ front, host }) => {
        const { duplex, rest } = await front.webSocket(host);
        const heard = await websocket.talk(duplex, 1000, rest);
        assert.deepStrictEqual(heard, { messages: 1000, code: 1000 });
    },
    'a client that leaves before the answer': async ({ front, host, back }) => {
        const { aborted } = back.seen;
        const asked = front.ask({ host, path: '/hang', sent: (request) => {
            stage.until(() => back.seen.open > 0).then(() => front.leave(request));
        } });
        expectCut(await asked);
        assert.ok(await stage.until(() => back.seen.aborted === aborted + 1 && back.seen.open === 0), `the backend knows nothing of it: ${JSON.stringify(back.seen)}`);
    },
    'a client that leaves within the answer': async ({ front, host, back }) => {
        const { aborted } = back.seen;
        expectCut(await front.ask({ host, path: '/endless', heard: (request) => setTimeout(() => front.leave(request), 20) }));
        assert.ok(await stage.until(() => back.seen.aborted === aborted + 1 && back.seen.open === 0), `the backend knows nothing of it: ${JSON.stringify(back.seen)}`);
    },
    'a client that leaves within its content': async ({ front, host, back }) => {
        const { aborted } = back.seen;
        expectCut(await front.ask({ host, path: '/hang', method: 'POST', size: 1000, holds: true, sent: (request) => {
            stage.until(() => back.seen.open > 0).then(() => front.leave(request));
        } }));
        assert.ok(await stage.until(() => back.seen.aborted === aborted + 1 && back.seen.open === 0), `the backend knows nothing of it: ${JSON.stringify(back.seen)}`);
    },
    'a backend that leaves within an answer of known length': async ({ front, host }) => {
        const got = await front.ask({ host, path: '/cut?length&n=100000' });
        expectCut(got);
        assert.ok(got.length <= 100000);
    },
    'a backend that leaves within an answer of unknown length': async ({ front, host }) => {
        expectCut(await front.ask({ host, path: '/cut?n=100000' }));
    },
    'a backend that leaves before its answer': async ({ front, host }) => {
        expectOwnError(await front.ask({ host, path: '/cut-at-once', method: 'POST', text: 'x' }), 502);
    },
    'nobody behind': async ({ front, deaf }) => expectOwnError(await front.ask({ host: deaf, path: '/' }), 502),
    'nobody behind, and content': async ({ front, deaf }) => {
        expectOwnError(await front.ask({ host: deaf, path: '/', method: 'POST', size: 1000 }), 502);
    },
    '100 requests at once': async ({ front, host }) => {
        const sizes = Array.from({ length: 100 }, (_, i) => 37 * i * i);
        const got = await Promise.all(sizes.map((size) => front.ask({ host, path: '/echo', method: 'POST', size })));
        got.forEach((one, i) => expectContent(one, sizes[i]));
    },
});

for (const code of [200, 204, 304, 404, 410, 500, 503]) {
    cases[`status ${code}`] = async ({ front, host }) => {
        const got = await front.ask({ host, path: `/status?n=${code}` });
        assert.deepStrictEqual([got.status, got.isComplete, got.headers['x-kept'], got.headers.etag], [code, true, 'yes', '"one"']);
        assert.strictEqual(got.text, code === 204 || code === 304 ? '' : `status ${code}`);
        assert.strictEqual(got.headers['x-portico-error'], undefined);
    };
}

// For who works on it: BACKS="http h2c" and FRONTS="http/1.1 h2" in the environment, those alone.
async function main() {
    const kinds = (process.env.BACKS ?? 'http https h2c h2').split(' ');
    const names = kinds.flatMap((kind) => [`${kind}.test`, `deaf-${kind}.test`]);
    const pki = stage.certificate(...names, 'localhost', '127.0.0.1');
    const backs = await Promise.all(kinds.map((kind) => appStart(kind, pki)));
    const clear = await stage.freePort(), secure = await stage.freePort(), nobody = await stage.freePort();
    const target = (kind, port) => `{to: "${kind}://127.0.0.1:${port}"${/s$|h2$/.test(kind) ? `, ca: ${pki.caPath}` : ''}}`;
    const portico = await stage.portico(['routes:', ...backs.flatMap(({ kind, port }) => [
        ...[`http://%:${clear}`, `https://%:${secure}`].flatMap((url) => [
            `  ${url.replace('%', `${kind}.test`)}: ${target(kind, port)}`,
            `  ${url.replace('%', `deaf-${kind}.test`)}: ${target(kind, nobody)}`,
        ])]),
    `certificates: [{cert: ${pki.certPath}, key: ${pki.keyPath}}]`, 'log: {access: off}'].join('\n'));
    const fronts = [new FrontOfHttp1(clear), new FrontOfHttp1(secure, pki.ca), new FrontOfHttp2(clear), new FrontOfHttp2(secure, pki.ca)];

    for (const front of fronts.filter(({ name }) => (process.env.FRONTS ?? name).split(' ').includes(name))) {
        for (const back of backs) {
            for (const [name, play] of Object.entries(cases)) {
                await stage.check(`${front.name} to ${back.kind}: ${name}`,
                    () => play({ front, back, host: `${back.kind}.test`, deaf: `deaf-${back.kind}.test` }));
            }
        }
        front.close();
    }
    await stage.check('Portico stops in order', () => stage.porticoStop(portico));
    stage.conclude('h2_matrix');
}

main();
