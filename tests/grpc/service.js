// A gRPC service by @grpc/grpc-js whose messages are plain bytes, and the health service of grpc.health.v1.
'use strict';
const grpc = require('@grpc/grpc-js');

const bytes = (message) => Buffer.from(message);
function method(service, name, requestStream, responseStream) {
    return { path: `/${service}/${name}`, requestStream, responseStream,
        requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes };
}

const echo = {
    Unary: method('portico.Echo', 'Unary', false, false),
    Fail: method('portico.Echo', 'Fail', false, false),
    Hang: method('portico.Echo', 'Hang', false, false),
    Sum: method('portico.Echo', 'Sum', true, false),
    Count: method('portico.Echo', 'Count', false, true),
    Talk: method('portico.Echo', 'Talk', true, true),
};
const health = { Check: method('grpc.health.v1.Health', 'Check', false, false) };

const options = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
const SERVING = 1, NOT_SERVING = 2;

// Metadata that comes goes back, in front and behind.
function reflect(call) {
    const trailing = new grpc.Metadata();
    for (const key of ['x-text', 'x-bytes-bin']) {
        for (const value of call.metadata.get(key)) trailing.add(key, value);
    }
    call.sendMetadata(trailing);
    return trailing;
}

function unary(call, done) {
    done(null, call.request, reflect(call));
}

// The request says "CODE DETAILS".
function fail(call, done) {
    const [code, ...details] = call.request.toString().split(' ');
    done({ code: Number(code), details: details.join(' '), metadata: reflect(call) });
}

function sum(call, done) {
    let length = 0, messages = 0;
    call.on('data', (message) => { length += message.length; messages++; });
    call.on('end', () => done(null, bytes(`${messages} ${length}`)));
}

// The request says "COUNT" or "COUNT CODE": that many messages, then that status.
function count(call) {
    const [total, code] = call.request.toString().split(' ').map(Number);
    for (let i = 0; i < total; i++) call.write(bytes(`message ${i}`));
    if (code) call.emit('error', { code, details: 'half way' });
    else call.end();
}

function talk(call) {
    call.on('data', (message) => call.write(message));
    call.on('end', () => call.end());
    call.on('error', () => {});
}

// @returns {port, seen, stop()}: seen.health is what it says of itself
async function serviceStart(pki) {
    const server = new grpc.Server(options);
    const seen = { open: 0, cancelled: 0, calls: 0, checks: 0, deadline: 0, health: SERVING };
    const hang = (call) => {
        seen.open++;
        seen.deadline = Number(call.getDeadline());
        call.on('cancelled', () => { seen.open--; seen.cancelled++; });
    };
    server.addService(echo, { Unary: (call, done) => { seen.calls++; unary(call, done); }, Fail: fail, Hang: hang, Sum: sum, Count: count, Talk: talk });
    server.addService(health, { Check: (call, done) => {
        seen.checks++;
        if (call.request.length > 0 && !call.request.includes('portico.Echo')) done({ code: grpc.status.NOT_FOUND });
        else done(null, Buffer.from([0x08, seen.health]));
    } });
    const credentials = pki
        ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(pki.cert), private_key: Buffer.from(pki.key) }])
        : grpc.ServerCredentials.createInsecure();
    const port = await new Promise((resolve, reject) => {
        server.bindAsync('127.0.0.1:0', credentials, (error, bound) => error ? reject(error) : resolve(bound));
    });
    return { port, seen, stop: () => server.forceShutdown() };
}

module.exports = { serviceStart, echo, health, options, SERVING, NOT_SERVING };
