/** From a case's list of nodes to a topology, by the public DSL alone. */
import type { Topology } from '../../../src/index.ts'
import { type Case, CaseError, NodeFields } from '../case.ts'
import { aggregates, groupings } from './aggregates.ts'
import { cogroups } from './cogroup.ts'
import { joins } from './joins.ts'
import { processors } from './processors.ts'
import { stateless, streamForms } from './stateless.ts'
import { tableAggregates, tableForms, tables } from './tables.ts'
import { sessionAggregates, windowedAggregates, windows } from './windows.ts'
import { type Kinds, type Operators, World } from './world.ts'

/** What an operator is does not depend on what it comes from … */
const anywhere: Operators = {
  ...cogroups,
  ...stateless,
  ...windows,
  ...processors,
  ...tables,
  ...joins,
}

/** … but for those whose name several kinds have. */
const byKind: Partial<Record<keyof Kinds, Operators>> = {
  stream: { ...streamForms, ...groupings },
  table: tableForms,
  grouped: aggregates,
  groupedTable: tableAggregates,
  windowed: windowedAggregates,
  sessions: sessionAggregates,
}

export interface Built {
  readonly topology: Topology
  readonly world: World
}

export function build(one: Case): Built {
  const { topology, config } = one
  const world = new World(one)
  for (const node of topology) {
    const fields = new NodeFields(node)
    operatorFor(world, fields)(world, fields)
  }
  return { topology: world.builder.build({ optimize: config?.optimize === true }), world }
}

function operatorFor(world: World, fields: NodeFields): Operators[string] {
  const { op } = fields
  const common = own(anywhere, op)
  if (common !== undefined) return common
  const from = fields.optionalText('from')
  const kind = from === undefined ? undefined : world.kindOf(from)
  const special = kind === undefined ? undefined : own(byKind[kind] ?? {}, op)
  if (special !== undefined) return special
  throw new CaseError(`unknown operator '${op}'${kind === undefined ? '' : ` of a ${kind}`}`)
}

function own(operators: Operators, op: string): Operators[string] | undefined {
  return Object.hasOwn(operators, op) ? operators[op] : undefined
}
