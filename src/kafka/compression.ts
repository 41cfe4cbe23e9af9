/**
 * The four compressions of Kafka. Only gzip is part of Node; the others are optional packages that
 * are loaded when the first batch of their kind is met: call `ensureCodec` before `compress` and
 * `decompress`, which are synchronous.
 */
import zlib from 'node:zlib'
import { present } from '../assert.ts'
import { FatalError } from '../errors.ts'
import { frameSnappy, unframeSnappy } from './xerial.ts'

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

interface Compressor {
  compress(bytes: Uint8Array): Buffer
  decompress(bytes: Uint8Array): Buffer
}

/** By their number in the attributes of a batch. */
const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

export function codecOf(number: number): Codec {
  const codec = codecs[number]
  if (codec !== undefined) return codec
  throw new FatalError(
    'MILLRACE_KAFKA_CODEC_UNKNOWN',
    `A batch is compressed with codec number ${number}, which nobody knew when this was written`
  )
}

export function codecNumber(codec: Codec): number {
  return codecs.indexOf(codec)
}

const none: Compressor = { compress: asBuffer, decompress: asBuffer }

const gzip: Compressor = {
  // More than level 1 costs several times the time for a few per cent.
  compress: (bytes) => zlib.gzipSync(bytes, { level: 1 }),
  decompress: (bytes) => zlib.gunzipSync(bytes),
}

const loaded = new Map<Codec, Compressor>([
  ['none', none],
  ['gzip', gzip],
])

export function isCodecReady(codec: Codec): boolean {
  return loaded.has(codec)
}

/** Rejects with a FatalError that names the package to install. */
export async function ensureCodec(codec: Codec): Promise<void> {
  if (!loaded.has(codec)) loaded.set(codec, await load(codec))
}

/** The codec must have been ensured before. */
export function compress(codec: Codec, bytes: Uint8Array): Buffer {
  return present(loaded.get(codec), `codec ${codec}, loaded`).compress(bytes)
}

/** The codec must have been ensured before. */
export function decompress(codec: Codec, bytes: Uint8Array): Buffer {
  return present(loaded.get(codec), `codec ${codec}, loaded`).decompress(bytes)
}

async function load(codec: Codec): Promise<Compressor> {
  switch (codec) {
    case 'none':
      return none
    case 'gzip':
      return gzip
    case 'snappy':
      return await optional(codec, 'snappy', loadSnappy)
    case 'lz4':
      return await optional(codec, 'lz4-napi', loadLz4)
    case 'zstd':
      return nodeZstd() ?? (await optional(codec, '@bokuweb/zstd-wasm', loadZstd))
  }
}

async function loadSnappy(): Promise<Compressor> {
  const { compressSync, uncompressSync } = await import('snappy')
  return {
    compress: (bytes) => frameSnappy(bytes, (block) => compressSync(block)),
    decompress: (bytes) =>
      unframeSnappy(bytes, (block) => asBuffer(uncompressSync(block, { asBuffer: true }))),
  }
}

async function loadLz4(): Promise<Compressor> {
  const { compressFrameSync, decompressFrameSync } = await import('lz4-napi')
  return {
    compress: (bytes) => compressFrameSync(asBuffer(bytes)),
    decompress: (bytes) => decompressFrameSync(asBuffer(bytes)),
  }
}

async function loadZstd(): Promise<Compressor> {
  const { init, compress, decompress } = await import('@bokuweb/zstd-wasm')
  await init()
  return {
    compress: (bytes) => asBuffer(compress(bytes, 3)),
    decompress: (bytes) => asBuffer(decompress(bytes)),
  }
}

/** Newer Nodes bring zstd along. */
function nodeZstd(): Compressor | undefined {
  const { zstdCompressSync, zstdDecompressSync } = zlib as {
    zstdCompressSync?: (bytes: Uint8Array) => Buffer
    zstdDecompressSync?: (bytes: Uint8Array) => Buffer
  }
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return undefined
  return { compress: zstdCompressSync, decompress: zstdDecompressSync }
}

async function optional(
  codec: Codec,
  name: string,
  make: () => Promise<Compressor>
): Promise<Compressor> {
  try {
    return await make()
  } catch (error) {
    throw new FatalError(
      'MILLRACE_KAFKA_CODEC_MISSING',
      `Records are compressed with ${codec}, which takes a package: npm install ${name}`,
      { cause: error }
    )
  }
}

function asBuffer(bytes: Uint8Array | string): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes
  if (typeof bytes === 'string') return Buffer.from(bytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
