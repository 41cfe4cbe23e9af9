/** Conformance cases as they lie in files: a topology, its input, and what must come of it. */

export type CaseValue = string | number

export interface CaseHeaders {
  readonly [name: string]: string
}

/** One call of the DSL; which fields it has depends on `op`. */
export interface CaseNode {
  readonly op: string
  readonly id?: string
  readonly [field: string]: unknown
}

export type CaseStep =
  | {
      readonly pipe: {
        readonly topic: string
        readonly key: string | null
        readonly value: CaseValue | null
        readonly ts: number
        readonly headers?: CaseHeaders
      }
    }
  | { readonly advanceWallClockMs: number }

/** The end of a window that never ends is null. */
export type CaseKey =
  | string
  | null
  | { readonly key: string; readonly start: number; readonly end: number | null }

export interface CaseRecord {
  readonly step: number
  readonly key: CaseKey
  readonly value: CaseValue | null
  /** Absent where a `peek` has looked. */
  readonly ts?: number
  readonly headers?: CaseHeaders
}

export interface CaseRow {
  readonly key: string
  readonly start?: number
  readonly end?: number | null
  readonly value: CaseValue
  readonly ts?: number
  readonly validTo?: number
}

export interface CaseResult {
  readonly outputs: Readonly<Record<string, readonly CaseRecord[]>>
  readonly stores?: Readonly<Record<string, readonly CaseRow[]>>
  readonly dropped?: number
  /** The step that failed; -1: the topology was refused. */
  readonly error?: { readonly step: number; readonly message?: string }
}

export interface Case {
  readonly name: string
  readonly family: string
  readonly topology: readonly CaseNode[]
  readonly steps: readonly CaseStep[]
  readonly config?: { readonly emitIntervalMs?: number; readonly optimize?: boolean }
  readonly order?: 'perKey'
  readonly expected: CaseResult
  /** What differs with stores in memory. */
  readonly expectedInMemory?: Partial<CaseResult>
  /** What differs if no store ever expires anything. */
  readonly expectedLongRetention?: Partial<CaseResult>
}

/** A case that cannot be run: a file, a node or a field that is not as it should be. */
export class CaseError extends Error {}

/** The fields of a node, each of the type that the caller expects. */
export class NodeFields {
  readonly #node: CaseNode

  constructor(node: CaseNode) {
    this.#node = node
  }

  get op(): string {
    return this.#node.op
  }

  get id(): string {
    return this.text('id')
  }

  has(field: string): boolean {
    return this.#node[field] !== undefined && this.#node[field] !== null
  }

  text(field: string): string {
    return this.#typed(field, 'string') as string
  }

  number(field: string): number {
    return this.#typed(field, 'number') as number
  }

  optionalText(field: string): string | undefined {
    return this.has(field) ? this.text(field) : undefined
  }

  optionalNumber(field: string): number | undefined {
    return this.has(field) ? this.number(field) : undefined
  }

  flag(field: string): boolean {
    return this.#node[field] === true
  }

  value(field: string): CaseValue {
    const value = this.#node[field]
    if (typeof value === 'string' || typeof value === 'number') return value
    throw this.#fault(field, 'a text or a number')
  }

  object(field: string): NodeFields {
    return new NodeFields({ op: this.op, ...(this.#typed(field, 'object') as object) })
  }

  list(field: string): readonly NodeFields[] {
    const list = this.#node[field]
    if (!Array.isArray(list)) throw this.#fault(field, 'a list')
    return list.map((entry: object) => new NodeFields({ op: this.op, ...entry }))
  }

  #typed(field: string, type: string): unknown {
    const value = this.#node[field]
    if (typeof value !== type || value === null) throw this.#fault(field, `a ${type}`)
    return value
  }

  #fault(field: string, wanted: string): CaseError {
    const found = JSON.stringify(this.#node[field])
    return new CaseError(`'${field}' of operator '${this.op}' is ${found}, not ${wanted}`)
  }
}
