/** Names: durable things are found again by theirs, so no two may share one. */
import type { AnyStoreHandle } from '../../processor/stores.ts'
import type { LogicalNode } from '../graph.ts'
import { fault } from './faults.ts'
import { subscriptionStore } from './foreign-keys.ts'
import { joinStores } from './joins.ts'
import { throughOf } from './repartitions.ts'

/** What Kafka allows in a topic's name; ours come between the application's and a suffix. */
const legal = /^[a-zA-Z0-9._-]{1,180}$/

interface Owner {
  readonly what: string
  /** Two uses are one if they are of the same thing. */
  readonly thing: object
}

export function checkNames(nodes: readonly LogicalNode[]): void {
  const durable = new Names()
  const processors = new Names()
  for (const node of nodes) {
    for (const [name, owner] of durables(node)) durable.take(name, owner)
    if (node.kind === 'process') {
      processors.take(node.name, { what: `a processor`, thing: node })
    }
  }
  checkTopics(nodes)
}

function durables(node: LogicalNode): readonly (readonly [string, Owner])[] {
  switch (node.kind) {
    case 'aggregate':
    case 'record-window-aggregate':
    case 'cogroup':
    case 'global-aggregate':
    case 'table-aggregate':
      return [[node.durable, { what: 'an aggregate', thing: node }]]
    case 'deduplicate':
      return [[node.durable, { what: 'a deduplication', thing: node }]]
    case 'stream-join':
      return [
        [node.durable, { what: 'a join', thing: node }],
        ...Object.values(joinStores(node)).flatMap((name): readonly (readonly [string, Owner])[] =>
          name === undefined ? [] : [[name, { what: 'a store', thing: node }]]
        ),
      ]
    case 'global-table':
      return [[node.durable, { what: 'a table', thing: node }]]
    case 'foreign-key-join':
      return [[subscriptionStore(node), { what: 'a store', thing: node }]]
    case 'stream-table-join':
      return node.buffer === undefined
        ? []
        : [[node.buffer.durable, { what: 'a join', thing: node }]]
    case 'table':
    case 'stored':
      return [[node.durable, { what: 'a table', thing: node }]]
    case 'repartition':
      return [[node.repartition.topic, { what: 'a repartition', thing: node }]]
    case 'suppress':
      return [[node.durable, { what: 'a suppress', thing: node }]]
    case 'process':
      return Object.values(node.stores).map((handle: AnyStoreHandle) => [
        handle.name,
        { what: 'a store', thing: handle },
      ])
    default:
      return []
  }
}

/** A repartition topic and a topic of the user are told apart by name alone. */
function checkTopics(nodes: readonly LogicalNode[]): void {
  const users = new Set(
    nodes.flatMap((node) =>
      node.kind === 'source' || node.kind === 'sink' ? node.topics.map(({ name }) => name) : []
    )
  )
  for (const node of nodes) {
    const own = throughOf(node).map(({ topic }) => topic)
    const names = node.kind === 'global-aggregate' ? [node.durable] : own
    const name = names.find((one) => users.has(one))
    if (name === undefined) continue
    throw fault(
      'nameTaken',
      `'${name}' names a topic of yours, and also what ${node.name} repartitions through: ` +
        'give the repartition or aggregate another name.'
    )
  }
}

class Names {
  readonly #owners = new Map<string, Owner>()

  take(name: string, owner: Owner): void {
    if (typeof name !== 'string' || !legal.test(name)) {
      throw fault(
        'nameInvalid',
        `${String(name)} cannot name ${owner.what}: take up to 180 of the characters a-z, A-Z, ` +
          "0-9, '.', '_' and '-', for topics are named after it."
      )
    }
    const other = this.#owners.get(name)
    if (other !== undefined && other.thing !== owner.thing) {
      const both = other.what === owner.what ? `for two of the kind: ${owner.what}` : ''
      const between = both === '' ? `for ${other.what} and for ${owner.what}` : both
      throw fault(
        'nameTaken',
        `The name '${name}' is used twice, ${between}. Durable state is found again by its ` +
          'name: give one of them another.'
      )
    }
    this.#owners.set(name, owner)
  }
}
