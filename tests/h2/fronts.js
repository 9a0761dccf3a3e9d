// Node.js clients of HTTP/1.1 and HTTP/2, clear and over TLS, that ask alike: what came is told the same way.
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');
const http2 = require('node:http2');
const tls = require('node:tls');
const net = require('node:net');
const { blocks } = require('./app.js');

// What an answer is told as.
function resultNew() {
    return { status: 0, headers: {}, interim: [], text: '', length: 0, digest: '', trailers: {}, isComplete: false, error: null };
}

function collect(stream, result) {
    const hash = crypto.createHash('sha256');
    stream.on('data', (part) => {
        hash.update(part);
        result.length += part.length;
        if (result.length < 65536) result.text += part;
    });
    return () => { result.digest = hash.digest('hex'); };
}

async function writeContent(stream, ask) {
    if (ask.text !== undefined) stream.write(ask.text);
    for (const block of blocks(ask.size ?? 0)) {
        if (stream.destroyed) return;
        if (!stream.write(block)) await new Promise((go) => { stream.once('drain', go); stream.once('close', go); });
    }
}

function hasContent(ask) {
    return ask.text !== undefined || ask.size !== undefined || ask.trailers !== undefined;
}

// ---- HTTP/1.1 ----

class FrontOfHttp1 {
    constructor(port, ca) {
        this.port = port;
        this.ca = ca;
        this.name = ca ? 'https/1.1' : 'http/1.1';
    }

    connection(host) {
        const socket = net.connect(this.port, '127.0.0.1');
        if (!this.ca) return Object.assign(socket, { raw: socket });
        return Object.assign(tls.connect({ socket, servername: host, ca: this.ca, ALPNProtocols: ['http/1.1'] }), { raw: socket });
    }

    request(ask) {
        return http.request({ method: ask.method ?? 'GET', path: ask.path, createConnection: () => this.connection(ask.host),
            headers: { host: `${ask.host}:${this.port}`, ...ask.headers } });
    }

    // @param ask {host, path, method, headers, text or size, trailers, expects, leaves(request)}
    ask(ask) {
        return new Promise((resolve) => {
            const result = resultNew(), request = this.request(ask);
            const over = () => resolve(result);
            request.on('information', (info) => result.interim.push({ status: info.statusCode, headers: info.headers }));
            request.on('error', (error) => { result.error = error; over(); });
            request.on('close', () => { if (!result.status) over(); });
            request.on('response', (response) => {
                Object.assign(result, { status: response.statusCode, headers: response.headers });
                const done = collect(response, result);
                ask.heard?.(request);
                response.on('error', (error) => { result.error = error; });
                response.on('close', () => {
                    done();
                    Object.assign(result, { trailers: response.trailers, isComplete: response.complete });
                    over();
                });
            });
            this.send(request, ask).catch(() => {});
            ask.sent?.(request);
        });
    }

    async send(request, ask) {
        if (ask.expects) {
            request.setHeader('expect', '100-continue');
            await new Promise((go) => { request.once('continue', go); request.flushHeaders(); });
        }
        if (ask.trailers) request.setHeader('trailer', Object.keys(ask.trailers).join(', '));
        if (hasContent(ask)) await writeContent(request, ask);
        if (ask.trailers) request.addTrailers(ask.trailers);
        if (!ask.holds) request.end();
    }

    // By a reset: one that ends its direction alone may still wait for its answer.
    leave(request) {
        request.socket.raw.resetAndDestroy();
        request.destroy();
    }

    webSocket(host) {
        return new Promise((resolve, reject) => {
            const request = this.request({ host, path: '/chat', headers: { connection: 'upgrade', upgrade: 'websocket',
                'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' } });
            request.on('error', reject);
            request.on('response', (response) => reject(new Error(`declined with ${response.statusCode}`)));
            request.on('upgrade', (response, socket, rest) => {
                const isRight = response.headers['sec-websocket-accept'] === 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
                if (isRight) resolve({ duplex: socket, rest });
                else reject(new Error(`accepted by ${response.headers['sec-websocket-accept']}`));
            });
            request.end();
        });
    }

    close() {}
}

// ---- HTTP/2 ----

class FrontOfHttp2 {
    constructor(port, ca) {
        this.port = port;
        this.ca = ca;
        this.name = ca ? 'h2' : 'h2c';
        this.sessions = new Map();
    }

    // One for each host: a connection's certificate speaks for one of them.
    session(host) {
        const there = this.sessions.get(host);
        if (there && !there.closed && !there.destroyed) return there;
        const session = http2.connect(`${this.ca ? 'https' : 'http'}://${host}:${this.port}`, {
            createConnection: () => this.ca
                ? tls.connect({ host: '127.0.0.1', port: this.port, servername: host, ca: this.ca, ALPNProtocols: ['h2'] })
                : net.connect(this.port, '127.0.0.1'),
        });
        session.on('error', () => {});
        this.sessions.set(host, session);
        return session;
    }

    // @param ask as above
    ask(ask) {
        return new Promise((resolve) => {
            const result = resultNew();
            const stream = this.session(ask.host).request({ ':method': ask.method ?? 'GET', ':path': ask.path, ...ask.headers,
                ...(ask.expects ? { expect: '100-continue' } : {}) },
            { endStream: !hasContent(ask) && !ask.holds, waitForTrailers: ask.trailers !== undefined });
            const done = collect(stream, result);
            let hasEnded = false;
            stream.on('headers', (headers) => result.interim.push({ status: headers[':status'], headers }));
            stream.on('response', (headers) => {
                Object.assign(result, { status: headers[':status'], headers });
                ask.heard?.(stream);
            });
            stream.on('wantTrailers', () => stream.sendTrailers(ask.trailers));
            stream.on('trailers', (fields) => { result.trailers = fields; });
            stream.on('error', (error) => { result.error = error; });
            stream.on('end', () => { hasEnded = true; });
            stream.on('close', () => {
                done();
                result.code = stream.rstCode;
                result.isComplete = hasEnded && stream.rstCode === http2.constants.NGHTTP2_NO_ERROR && !result.error;
                resolve(result);
            });
            this.send(stream, ask).catch(() => {});
            ask.sent?.(stream);
        });
    }

    async send(stream, ask) {
        if (ask.expects) await new Promise((go) => stream.once('continue', go));
        if (hasContent(ask)) await writeContent(stream, ask);
        if (!ask.holds && hasContent(ask)) stream.end();
    }

    leave(stream) { stream.close(http2.constants.NGHTTP2_CANCEL); }

    async webSocket(host) {
        const session = this.session(host);
        if (!session.remoteSettings?.enableConnectProtocol) await new Promise((go) => session.once('remoteSettings', go));
        if (!session.remoteSettings.enableConnectProtocol) throw new Error('SETTINGS say nothing of extended CONNECT');
        const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat',
            'sec-websocket-version': '13', origin: 'http://one.test' }, { endStream: false });
        const headers = await new Promise((resolve, reject) => {
            stream.on('response', resolve);
            stream.on('error', reject);
        });
        if (headers[':status'] !== 200) throw new Error(`declined with ${headers[':status']}`);
        if (headers['sec-websocket-accept']) throw new Error('sec-websocket-accept has no place in HTTP/2');
        return { duplex: stream };
    }

    close() { for (const session of this.sessions.values()) session.destroy(); }
}

module.exports = { FrontOfHttp1, FrontOfHttp2 };
