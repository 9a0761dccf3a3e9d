// gRPC through Portico: @grpc/grpc-js in front and behind, clear and over TLS, in all four pairs.
'use strict';
const assert = require('node:assert');
const grpc = require('@grpc/grpc-js');
const stage = require('../h2/stage.js');
const { serviceStart, echo, health, options, SERVING, NOT_SERVING } = require('./service.js');

// One client towards that host.
class Client {
    constructor(port, host, ca) {
        this.client = new grpc.Client(`127.0.0.1:${port}`, ca ? grpc.credentials.createSsl(Buffer.from(ca)) : grpc.credentials.createInsecure(),
            { ...options, 'grpc.default_authority': host, 'grpc.ssl_target_name_override': host });
    }

    // Resolves with {error, response, initial, status}, however it ends.
    unary({ path }, request, { metadata = new grpc.Metadata(), ...rest } = {}, heard = () => {}) {
        return new Promise((resolve) => {
            const got = {};
            const call = this.client.makeUnaryRequest(path, Buffer.from, Buffer.from, Buffer.from(request), metadata, rest, (error, response) => {
                Object.assign(got, { error, response });
            });
            call.on('metadata', (initial) => { got.initial = initial; });
            call.on('status', (status) => { got.status = status; setImmediate(resolve, got); });
            heard(call);
        });
    }

    // Resolves with {status, messages} of a call whose answer is a stream.
    static gather(call) {
        return new Promise((resolve) => {
            const messages = [];
            call.on('data', (message) => messages.push(message.toString()));
            call.on('error', () => {});
            call.on('status', (status) => setImmediate(resolve, { status, messages }));
        });
    }

    sum(messages) {
        return new Promise((resolve, reject) => {
            const call = this.client.makeClientStreamRequest(echo.Sum.path, Buffer.from, Buffer.from, new grpc.Metadata(), {},
                (error, response) => error ? reject(error) : resolve(response.toString()));
            for (const message of messages) call.write(message);
            call.end();
        });
    }

    count(request) {
        return Client.gather(this.client.makeServerStreamRequest(echo.Count.path, Buffer.from, Buffer.from, Buffer.from(request)));
    }

    talk(metadata = new grpc.Metadata(), rest = {}) {
        return this.client.makeBidiStreamRequest(echo.Talk.path, Buffer.from, Buffer.from, metadata, rest);
    }

    close() { this.client.close(); }
}

function filled() {
    const metadata = new grpc.Metadata();
    metadata.add('x-text', 'one');
    metadata.add('x-text', 'two, three');
    metadata.add('x-bytes-bin', Buffer.from([0, 1, 255, 10, 13]));
    return metadata;
}

function expectReflected(metadata) {
    assert.strictEqual(metadata.get('x-text').join(', '), 'one, two, three');
    assert.deepStrictEqual(metadata.get('x-bytes-bin'), [Buffer.from([0, 1, 255, 10, 13])]);
}

function expectStatus({ status }, code, details) {
    assert.strictEqual(status.code, code, status.details);
    if (details !== undefined) assert.strictEqual(status.details, details);
}

const cases = {
    'a unary call': async ({ client }) => {
        const got = await client.unary(echo.Unary, 'hello');
        expectStatus(got, grpc.status.OK);
        assert.strictEqual(got.response.toString(), 'hello');
    },
    'metadata both ways, in front and behind': async ({ client }) => {
        const got = await client.unary(echo.Unary, 'hello', { metadata: filled() });
        expectReflected(got.initial);
        expectReflected(got.status.metadata);
    },
    'an empty message': async ({ client }) => {
        const got = await client.unary(echo.Unary, '');
        expectStatus(got, grpc.status.OK);
        assert.strictEqual(got.response.length, 0);
    },
    'a message of 10 MB there and back': async ({ client }) => {
        const message = Buffer.alloc(10 << 20, 'portico');
        const got = await client.unary(echo.Unary, message);
        expectStatus(got, grpc.status.OK);
        assert.ok(message.equals(got.response));
    },
    'a stream of the client': async ({ client }) => {
        assert.strictEqual(await client.sum(Array.from({ length: 500 }, (_, i) => Buffer.alloc(i))), `500 ${499 * 250}`);
    },
    'a stream of the server': async ({ client }) => {
        const { status, messages } = await client.count('500');
        assert.deepStrictEqual([status.code, messages.length, messages.at(-1)], [grpc.status.OK, 500, 'message 499']);
    },
    'a stream of the server that fails half way': async ({ client }) => {
        const { status, messages } = await client.count(`20 ${grpc.status.ABORTED}`);
        assert.deepStrictEqual([status.code, status.details], [grpc.status.ABORTED, 'half way']);
        assert.ok(messages.length <= 20);
    },
    'streams in both directions, turn by turn': async ({ client }) => {
        const call = client.talk();
        const gathered = Client.gather(call);
        let said = 0;
        call.on('data', () => { if (++said < 200) call.write(Buffer.from(`turn ${said}`)); else call.end(); });
        call.write(Buffer.from('turn 0'));
        const { status, messages } = await gathered;
        assert.deepStrictEqual([status.code, messages.length, messages.at(-1)], [grpc.status.OK, 200, 'turn 199']);
    },
    'streams in both directions at once': async ({ client }) => {
        const call = client.talk();
        const gathered = Client.gather(call);
        for (let i = 0; i < 300; i++) call.write(Buffer.alloc(10000, i));
        call.end();
        const { status, messages } = await gathered;
        assert.deepStrictEqual([status.code, messages.length], [grpc.status.OK, 300]);
    },
    'a deadline': async ({ client, back }) => {
        const { cancelled } = back.seen, deadline = Date.now() + 2000;
        expectStatus(await client.unary(echo.Hang, '', { deadline }), grpc.status.DEADLINE_EXCEEDED);
        assert.ok(Math.abs(back.seen.deadline - deadline) < 1500, 'the backend knows the deadline');
        assert.ok(await stage.until(() => back.seen.cancelled === cancelled + 1 && back.seen.open === 0), 'the backend is told');
    },
    'a call that is cancelled': async ({ client, back }) => {
        const { cancelled } = back.seen;
        expectStatus(await client.unary(echo.Hang, '', {}, (call) => {
            stage.until(() => back.seen.open > 0).then(() => call.cancel());
        }), grpc.status.CANCELLED);
        assert.ok(await stage.until(() => back.seen.cancelled === cancelled + 1 && back.seen.open === 0), 'the backend is told');
    },
    'streams that are cancelled': async ({ client }) => {
        const call = client.talk();
        const gathered = Client.gather(call);
        call.once('data', () => call.cancel());
        call.write(Buffer.from('one'));
        expectStatus(await gathered, grpc.status.CANCELLED);
    },
    'an unknown method': async ({ client }) => {
        expectStatus(await client.unary({ path: '/portico.Echo/Nothing' }, ''), grpc.status.UNIMPLEMENTED);
    },
    'the health service': async ({ client }) => {
        const got = await client.unary(health.Check, '');
        assert.deepStrictEqual([...got.response], [0x08, SERVING]);
    },
    'the health service of nobody': async ({ client }) => {
        expectStatus(await client.unary(health.Check, '\x0a\x04none'), grpc.status.NOT_FOUND);
    },
    '100 calls at once': async ({ client }) => {
        const got = await Promise.all(Array.from({ length: 100 }, (_, i) => client.unary(echo.Unary, `call ${i}`)));
        got.forEach((one, i) => assert.strictEqual(one.response?.toString(), `call ${i}`, one.error));
    },
    'no route is UNIMPLEMENTED, by us': async ({ lost }) => {
        const got = await lost.unary(echo.Unary, '');
        expectStatus(got, grpc.status.UNIMPLEMENTED);
        assert.match(String(got.status.metadata.get('x-portico-error')), /^[0-9a-f]{16}$/);
    },
    'nobody behind is UNAVAILABLE, by us': async ({ deaf }) => {
        const got = await deaf.unary(echo.Unary, 'hello');
        expectStatus(got, grpc.status.UNAVAILABLE);
        assert.match(String(got.status.metadata.get('x-portico-error')), /^[0-9a-f]{16}$/);
    },
    'nobody behind a stream is UNAVAILABLE': async ({ deaf }) => {
        const call = deaf.talk();
        const gathered = Client.gather(call);
        call.write(Buffer.from('one'));
        expectStatus(await gathered, grpc.status.UNAVAILABLE);
    },
};

for (const [name, code] of Object.entries(grpc.status)) {
    if (typeof code !== 'number' || code === grpc.status.OK) continue;
    cases[`the status ${name}`] = async ({ client }) => {
        const got = await client.unary(echo.Fail, `${code} détails of ${name}, 100 %`, { metadata: filled() });
        expectStatus(got, code, `détails of ${name}, 100 %`);
        expectReflected(got.status.metadata);
    };
}

async function playPairs(set) {
    for (const [frontName, port, ca] of [['h2c', set.clear], ['h2', set.secure, set.pki.ca]]) {
        for (const [backName, back] of Object.entries(set.backs)) {
            const to = (host) => new Client(port, host, ca);
            const scene = { back, client: to(`${backName}.test`), deaf: to('deaf.test'), lost: to('lost.test') };
            for (const [name, play] of Object.entries(cases)) await stage.check(`${frontName} to ${backName}: ${name}`, () => play(scene));
            for (const client of [scene.client, scene.deaf, scene.lost]) client.close();
        }
    }
}

// A backend that goes away within a call ends it, and not well.
async function playEnd(set) {
    const client = new Client(set.clear, 'dying.test');
    const call = client.talk();
    const gathered = Client.gather(call);
    call.once('data', () => set.dying.stop());
    call.write(Buffer.from('one'));
    const { status, messages } = await gathered;
    assert.deepStrictEqual(messages, ['one']);
    assert.ok([grpc.status.UNAVAILABLE, grpc.status.INTERNAL, grpc.status.UNKNOWN, grpc.status.CANCELLED].includes(status.code), `${status.code}`);
    client.close();
}

// health: {grpc: …} takes a backend out that says NOT_SERVING, and back in.
async function playHealth(set) {
    const [one, two] = set.pool, client = new Client(set.clear, 'pool.test');
    const servedBy = async (server) => {
        const before = server.seen.calls;
        await Promise.all(Array.from({ length: 10 }, () => client.unary(echo.Unary, 'x')));
        return server.seen.calls - before;
    };
    assert.ok(await stage.until(async () => one.seen.checks > 0 && two.seen.checks > 0), 'both are checked');
    one.seen.health = NOT_SERVING;
    assert.ok(await stage.until(async () => await servedBy(two) === 10), 'who says NOT_SERVING gets nothing');
    one.seen.health = SERVING;
    assert.ok(await stage.until(async () => await servedBy(one) > 0), 'who serves again gets calls again');
    client.close();
}

async function setUp() {
    const hosts = ['h2c', 'h2', 'deaf', 'lost', 'dying', 'pool'].map((name) => `${name}.test`);
    const pki = stage.certificate(...hosts, '127.0.0.1');
    const [h2c, h2, dying, ...pool] = await Promise.all([serviceStart(), serviceStart(pki), serviceStart(), serviceStart(), serviceStart()]);
    const [clear, secure, nobody] = [await stage.freePort(), await stage.freePort(), await stage.freePort()];
    const routes = [`http://%:${clear}`, `https://%:${secure}`].flatMap((url) => [
        ['h2c.test', `h2c://127.0.0.1:${h2c.port}`],
        ['h2.test', `{to: "h2://127.0.0.1:${h2.port}", ca: ${pki.caPath}}`],
        ['deaf.test', `h2c://127.0.0.1:${nobody}`],
        ['dying.test', `h2c://127.0.0.1:${dying.port}`],
        ['pool.test', '"@pool"'],
    ].map(([host, to]) => `  ${url.replace('%', host)}: ${to}`).concat(`  ${url.replace('%', 'lost.test')}/elsewhere/: h2c://127.0.0.1:${h2c.port}`));
    const portico = await stage.portico(['routes:', ...routes, 'backends:', '  pool:',
        `    to: [${pool.map(({ port }) => `"h2c://127.0.0.1:${port}"`).join(', ')}]`,
        '    health: {grpc: portico.Echo, interval: 500ms, timeout: 500ms, rise: 1, fall: 1}',
        `certificates: [{cert: ${pki.certPath}, key: ${pki.keyPath}}]`, 'log: {access: off}'].join('\n'));
    return { pki, backs: { h2c, h2 }, dying, pool, clear, secure, portico };
}

async function main() {
    const set = await setUp();
    await playPairs(set);
    await stage.check('a backend that goes away within a call', () => playEnd(set));
    await stage.check('checks by the health service', () => playHealth(set));
    await stage.check('Portico stops in order', () => stage.porticoStop(set.portico));
    stage.conclude('grpc');
}

main();
