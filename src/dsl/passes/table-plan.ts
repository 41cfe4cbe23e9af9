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
import type { TableView } from '../../operators/table-view.ts'
import type { LogicalNode } from '../graph.ts'
import { fault } from './faults.ts'

export class TablePlan {
  readonly #kept = new Set<LogicalNode>()
  readonly #old = new Set<LogicalNode>()

  constructor(nodes: readonly LogicalNode[]) {
    for (const node of nodes) this.#called(node)
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
      case 'stored': {
        const { durable: name, key, value, logged } = node
        return { kind: 'rows', spec: Object.freeze({ name, key, value, logged }) }
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
    }
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
    }
    this.#old.add(node)
    return true
  }
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
