/** What a case has built so far: nodes by id, each of one kind, on one `StreamsBuilder`. */
import {
  type GlobalKTable,
  type KGroupedStream,
  type KGroupedTable,
  type KStream,
  type KTable,
  type SessionWindowedStream,
  StreamsBuilder,
  type WindowedStream,
} from '../../../src/index.ts'
import { type Case, CaseError, NodeFields } from '../case.ts'
import type { AnyKey, AnyValue } from '../functions/text.ts'

/** Every kind of node; a group of operators adds its own. */
export interface Kinds {
  readonly stream: KStream<AnyKey, AnyValue>
  readonly table: KTable<AnyKey, AnyValue>
  readonly globalTable: GlobalKTable<string, AnyValue>
  readonly groupedTable: KGroupedTable<string, AnyValue>
  readonly grouped: KGroupedStream<string, AnyValue>
  readonly windowed: WindowedStream<string, AnyValue, 'updates'>
  readonly sessions: SessionWindowedStream<string, AnyValue, 'updates'>
}

/** Builds one node; operators by the name that cases know them by. */
export type Operators = Readonly<Record<string, (world: World, fields: NodeFields) => void>>

/** A versioned table: where its rows come from, and how far back it knows them. */
export interface History {
  readonly topic: string
  readonly ms: number
}

/** What a `peek` saw. */
export interface Peeked {
  readonly label: string
  readonly key: AnyKey
  readonly value: AnyValue
}

export class World {
  readonly builder = new StreamsBuilder()
  readonly config: NonNullable<Case['config']>
  readonly inputs = new Set<string>()
  readonly outputs = new Set<string>()
  /** Names of stores that the case names, and reads in the end. */
  readonly stores = new Set<string>()
  /** Of versioned tables, by store. */
  readonly histories = new Map<string, History>()
  readonly peeked: Peeked[] = []
  readonly #nodes = new Map<string, { readonly kind: keyof Kinds; readonly node: unknown }>()

  readonly #topology: Case['topology']

  constructor({ config, topology }: Pick<Case, 'config' | 'topology'>) {
    this.config = config ?? {}
    this.#topology = topology
  }

  /** A node as the case has it; of a branch, the split that it comes from. */
  fieldsOf(id: string): NodeFields {
    const node =
      this.#topology.find((one) => one.id === id) ??
      this.#topology.find((one) => one.op === 'split' && id.startsWith(`${one.id}.`))
    if (node === undefined) throw new CaseError(`there is no node '${id}'`)
    return new NodeFields(node)
  }

  put<K extends keyof Kinds>(id: string, kind: K, node: Kinds[K]): void {
    if (this.#nodes.has(id)) throw new CaseError(`two nodes are called '${id}'`)
    this.#nodes.set(id, { kind, node })
  }

  kindOf(id: string): keyof Kinds {
    const found = this.#nodes.get(id)
    if (found === undefined) throw new CaseError(`there is no node '${id}'`)
    return found.kind
  }

  get<K extends keyof Kinds>(id: string, kind: K): Kinds[K] {
    const found = this.kindOf(id)
    if (found !== kind) throw new CaseError(`node '${id}' is a ${found}, not a ${kind}`)
    return this.#nodes.get(id)?.node as Kinds[K]
  }

  /** The store that a node names, or a name of our own that nobody reads. */
  storeOf(fields: NodeFields): string {
    const name = fields.optionalText('store')
    if (name === undefined) return `${fields.id}-store`
    this.stores.add(name)
    return name
  }
}

export const ms = (value: number): `${number}ms` => `${value}ms`
