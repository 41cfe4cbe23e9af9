/**
 * The framing that Kafka's own clients put around snappy:
 *
 *   0x82 'SNAPPY' 0x00 · version int32 · compatible int32 · (length int32 · block)*
 *
 * Some other clients write one bare block instead; both are read.
 */

const magic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const header = Buffer.concat([magic, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
const blockBytes = 32_768

export function frameSnappy(bytes: Uint8Array, compress: (block: Buffer) => Buffer): Buffer {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const pieces: Buffer[] = [header]
  for (let at = 0; at < whole.length; at += blockBytes) {
    const block = compress(whole.subarray(at, at + blockBytes))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length)
    pieces.push(length, block)
  }
  return Buffer.concat(pieces)
}

export function unframeSnappy(bytes: Uint8Array, uncompress: (block: Buffer) => Buffer): Buffer {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!whole.subarray(0, magic.length).equals(magic)) return uncompress(whole)
  const blocks: Buffer[] = []
  for (let at = header.length; at < whole.length; ) {
    const start = at + 4
    at = start + whole.readInt32BE(at)
    blocks.push(uncompress(whole.subarray(start, at)))
  }
  return blocks.length === 1 && blocks[0] ? blocks[0] : Buffer.concat(blocks)
}
