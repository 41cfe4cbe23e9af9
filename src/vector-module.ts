/**
 * Small modules of WebAssembly, for loops over many bytes at a time: one function, one memory of
 * its own, written as instructions. By the binary format of WebAssembly,
 * https://webassembly.github.io/spec/core/binary
 */

export interface VectorModule<Run> {
  readonly memory: Uint8Array
  readonly run: Run
}

export interface VectorFunction {
  /** Of 64 KiB, from the beginning to the end. */
  readonly pages: number
  /** Whole numbers of 32 bits, the first locals. */
  readonly params: number
  /** Whether it returns a whole number of 32 bits. */
  readonly returns: boolean
  /** Of 128 bits, behind the params. */
  readonly vectors: number
  readonly code: readonly number[]
}

/** What of WebAssembly is used; the type declarations of Node leave it out. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

const i32 = 0x7f
const v128 = 0x7b

/** Undefined: no WebAssembly (`--jitless`), no vectors in it, or no address space for memory. */
export function vectorModule<Run>(given: VectorFunction): VectorModule<Run> | undefined {
  try {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly
    const { memory, run } = new Instance(new Module(moduleBytes(given))).exports as {
      readonly memory: { readonly buffer: ArrayBuffer }
      readonly run: Run
    }
    return { memory: new Uint8Array(memory.buffer), run }
  } catch {
    return undefined
  }
}

function moduleBytes({ pages, params, returns, vectors, code }: VectorFunction): Uint8Array {
  const taken = [params, ...Array.from({ length: params }, () => i32)]
  const locals = vectors === 0 ? [0] : [1, vectors, v128]
  const body = [...locals, ...code, 0x0b]
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, ...taken, ...(returns ? [1, i32] : [0])]),
    ...section(3, [1, 0]),
    ...section(5, [1, 1, pages, pages]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('run'), 0, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ])
}

function section(id: number, bytes: readonly number[]): readonly number[] {
  return [id, ...leb(bytes.length), ...bytes]
}

function name(text: string): readonly number[] {
  return [text.length, ...Buffer.from(text)]
}

/** A number that is not negative, seven bits a byte. */
export function leb(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]
}
