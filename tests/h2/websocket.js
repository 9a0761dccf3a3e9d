// WebSocket (RFC 6455) over any duplex stream, as much as an echo needs: frames of one fragment.
'use strict';
const crypto = require('node:crypto');

const CLOSE = 8;

function frame(opcode, payload, mask) {
    const { length } = payload;
    const head = length < 126 ? Buffer.from([0x80 | opcode, length])
        : Buffer.from([0x80 | opcode, 126, length >> 8, length & 255]);
    if (!mask) return Buffer.concat([head, payload]);
    head[1] |= 0x80;
    return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3])]);
}

function parse(bytes) {
    if (bytes.length < 2) return null;
    const isLong = (bytes[1] & 127) === 126;
    const isMasked = (bytes[1] & 128) !== 0;
    const start = (isLong ? 4 : 2) + (isMasked ? 4 : 0);
    if (bytes.length < start) return null;
    const length = isLong ? bytes.readUInt16BE(2) : bytes[1] & 127;
    if (bytes.length < start + length) return null;
    const mask = bytes.subarray(start - 4, start);
    const payload = Buffer.from(bytes.subarray(start, start + length)).map((byte, i) => isMasked ? byte ^ mask[i & 3] : byte);
    return { opcode: bytes[0] & 15, payload, used: start + length };
}

// Calls take(opcode, payload) for each frame that arrives.
function listen(duplex, take, rest = Buffer.alloc(0)) {
    let held = rest;
    const work = () => {
        for (let got; (got = parse(held));) {
            held = held.subarray(got.used);
            take(got.opcode, got.payload);
        }
    };
    duplex.on('data', (part) => {
        held = Buffer.concat([held, part]);
        work();
    });
    work();
}

// A server's side: what comes goes back, a close too, which ends it.
function echo(duplex, rest) {
    duplex.on('error', () => {});
    listen(duplex, (opcode, payload) => {
        duplex.write(frame(opcode, payload));
        if (opcode === CLOSE) duplex.end();
    }, rest);
}

// A client's side: that many messages, each sent when the one before came back; then a close.
// Resolves with {messages, code, ended} once the other side has ended.
function talk(duplex, count, rest) {
    const mask = Buffer.from([1, 2, 3, 4]);
    return new Promise((resolve, reject) => {
        const heard = { messages: 0, code: 0 };
        const say = () => duplex.write(frame(1, Buffer.from(`message ${heard.messages} ${'x'.repeat(heard.messages % 300)}`), mask));
        duplex.on('error', reject);
        duplex.on('end', () => {
            duplex.end();
            resolve(heard);
        });
        listen(duplex, (opcode, payload) => {
            if (opcode === CLOSE) {
                heard.code = payload.readUInt16BE(0);
                return;
            }
            if (!payload.toString().startsWith(`message ${heard.messages} `)) reject(new Error(`heard ${payload}`));
            heard.messages++;
            if (heard.messages < count) say();
            else duplex.write(frame(CLOSE, Buffer.from([0x03, 0xe8]), mask));
        }, rest);
        say();
    });
}

function acceptOf(key) {
    return crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
}

module.exports = { echo, talk, acceptOf };
