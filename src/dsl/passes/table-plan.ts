/**
 * What the tables of a graph have to keep and to tell, decided from all that hangs on them:
 *
 *     kept   a table without a store of its own keeps rows only if a join or a grouping asks
 *     old    who is told what a row was before; a filter that is not tells of rows it never had
 *
 * Both are decided as Kafka Streams does, call by call in the order of the graph: a filter learns
 * old values if the table behind it kept rows when it was called, or if something behind it asks.
 */
import { present } from '../../assert.ts'
import type { Callback } from '../../operators/filter.ts'
import type { KeyedAggregateSpec } from '../../operators/specs.ts'
import { rowsOfOrigin } from '../../operators/table-origin.ts'
import type { Joiner, TableView } from '../../operators/table-view.ts'
import { changelogConfig } from '../../topology/internal-topics.ts'
import type { StoreOrigin, StoreSpec } from '../../topology/topology.ts'
import type { AnyTopic, LogicalNode, StoredNode, TableNode } from '../graph.ts'
import { fault } from './faults.ts'
import { aggregateLayout, rowsLayout } from './layouts.ts'

export class TablePlan {
  readonly #stores = new Map<string, StoreSpec>()
  readonly #kept = new Set<LogicalNode>()
  readonly #old = new Set<LogicalNode>()

  constructor(nodes: readonly LogicalNode[]) {
    for (const node of nodes) {
      this.#called(node)
      const store = storeOf(node)
      if (store !== undefined) this.#stores.set(store.name, store)
    }
  }

  /** The stores that a view reads. */
  storesOf(view: TableView): readonly StoreSpec[] {
    if (view.kind === 'joined') return [...this.storesOf(view.left), ...this.storesOf(view.right)]
    if (view.kind === 'filtered' || view.kind === 'mapped') return this.storesOf(view.of)
    return [present(this.#stores.get(view.spec.name), `store ${view.spec.name}`)]
  }

  /** Whether a table keeps its rows. */
  keeps(node: LogicalNode): boolean {
    return this.#kept.has(node)
  }

  /** Whether a table tells what its rows were before. */
  tellsOld(node: LogicalNode): boolean {
    return this.#old.has(node)
  }

  /** How the rows of a table are read; throws a TopologyError if they cannot be. */
  viewOf(node: LogicalNode): TableView {
    switch (node.kind) {
      case 'table':
      case 'stored':
        return rowsView(node)
      case 'table-join': {
        const [left, right] = [this.viewOf(inputOf(node)), this.viewOf(inputOf(node, 1))]
        return { kind: 'joined', how: node.how, left, right, joiner: node.joiner as Joiner }
      }
      case 'aggregate':
        if (node.windows !== undefined) throw unreadable(node)
        return { kind: 'aggregate', spec: aggregateSpec(node) }
      case 'table-aggregate':
        return { kind: 'aggregate', spec: aggregateSpec(node) }
      case 'table-filter': {
        const passes = passesOf(node)
        return { kind: 'filtered', of: this.viewOf(inputOf(node)), passes }
      }
      case 'table-values':
        return {
          kind: 'mapped',
          of: this.viewOf(inputOf(node)),
          map: node.fn as Callback<unknown>,
        }
      default:
        throw unreadable(node)
    }
  }

  /** Whether it tells of late rows that change the past alone. */
  isVersioned(node: LogicalNode): boolean {
    return this.historyMsOf(node) !== undefined
  }

  /** How far back it knows its rows; undefined: it knows no past. */
  historyMsOf(node: LogicalNode): number | undefined {
    if (node.kind === 'table') return node.historyMs
    const isSame = node.kind === 'table-filter' || node.kind === 'table-values'
    return isSame ? this.historyMsOf(inputOf(node)) : undefined
  }

  #called(node: LogicalNode): void {
    switch (node.kind) {
      case 'table':
        if (node.isStored) this.#kept.add(node)
        break
      case 'table-filter':
        if (this.#askOld(inputOf(node), false)) this.#old.add(node)
        break
      case 'table-select':
        this.#askOld(inputOf(node), true)
        break
      case 'table-join':
        if (node.how !== 'inner') this.#askOld(inputOf(node), true)
        if (node.how === 'outer') this.#askOld(inputOf(node, 1), true)
        this.#read(inputOf(node))
        this.#read(inputOf(node, 1))
        break
      case 'foreign-key-join':
        for (const input of [inputOf(node, 1), inputOf(node)]) {
          this.#askOld(input, true)
          this.#read(input)
        }
        break
      case 'stream-table-join':
        this.#read(inputOf(node, 1))
        break
    }
  }

  /** Somebody reads the rows of a table: where they come from they are kept. */
  #read(node: LogicalNode): void {
    if (node.kind === 'table') this.#kept.add(node)
    if (node.kind === 'table-filter' || node.kind === 'table-values') this.#read(inputOf(node))
  }

  /** Asks a table for old values, if need be for rows too; whether it tells them from now on. */
  #askOld(node: LogicalNode, mustKeep: boolean): boolean {
    if (this.#old.has(node)) return true
    switch (node.kind) {
      case 'table':
        if (!mustKeep && !this.#kept.has(node)) return false
        this.#kept.add(node)
        break
      case 'table-filter':
      case 'table-values':
      case 'suppress':
        if (!this.#askOld(inputOf(node), mustKeep)) return false
        break
      case 'table-join':
        this.#askOld(inputOf(node), true)
        this.#askOld(inputOf(node, 1), true)
        break
    }
    this.#old.add(node)
    return true
  }
}

/** The store of what keeps rows by key. */
export function storeOf(node: LogicalNode): StoreSpec | undefined {
  switch (node.kind) {
    case 'aggregate':
      return node.windows === undefined ? spec(node, aggregateLayout(node)) : undefined
    case 'table-aggregate':
      return spec(node, aggregateLayout(node))
    case 'table':
      return node.origin === undefined
        ? spec(node, rowsLayout(node))
        : { ...spec(node, rowsLayout(node)), logged: false, origin: originOf(node, node.origin) }
    case 'stored':
      return spec(node, rowsLayout(node))
    default:
      return undefined
  }
}

function originOf(node: TableNode, { name, timestamp }: AnyTopic): StoreOrigin {
  const { durable, key, value } = node
  const rows = { name: durable, key, value, logged: false, timestamp }
  return Object.freeze({ topic: name, entryOf: rowsOfOrigin(rows) })
}

function spec({ durable: name, logged }: Stored, layout: string): StoreSpec {
  return { name, logged, layout, config: changelogConfig }
}

interface Stored {
  readonly durable: string
  readonly logged: boolean
}

/** Whether a row passes, for `filter` and `filterNot` alike. */
export function passesOf(node: Extract<LogicalNode, { kind: 'table-filter' }>): Callback<boolean> {
  const predicate = node.fn as Callback<boolean>
  return node.keeps
    ? (value, key) => Boolean(predicate(value, key))
    : (value, key) => !predicate(value, key)
}

/** What keeps the state of an aggregate by key. */
export function aggregateSpec(
  node: Extract<LogicalNode, { kind: 'aggregate' | 'table-aggregate' }>
): KeyedAggregateSpec {
  const { durable: name, key, plan, logged } = node
  return Object.freeze({ name, key, plan, logged })
}

function rowsView(node: TableNode | StoredNode): TableView {
  const { durable: name, key, value } = node
  const { historyMs, origin } = node.kind === 'table' ? node : {}
  const logged = node.logged && origin === undefined
  const spec = { name, key, value, logged }
  if (historyMs === undefined) return { kind: 'rows', spec: Object.freeze(spec) }
  return { kind: 'versions', spec: Object.freeze({ ...spec, historyMs }) }
}

export function inputOf(node: LogicalNode, index = 0): LogicalNode {
  return present(node.inputs[index], `input ${index} of ${node.name}`)
}

function unreadable(node: LogicalNode): Error {
  return fault(
    'tableUnreadable',
    `The rows of ${node.name} cannot be read by key, as a join does: ` +
      "keep them in a store with .stored('name') first."
  )
}
