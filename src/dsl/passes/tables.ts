/**
 * Tables as nodes that run.
 *
 *     source ─▶ table ─▶ filter, values, stored ─▶ …
 *     table ─▶ select ─▶ sink ┊ n-repartition ┊ source ─▶ aggregate
 */
import type { Callback } from '../../operators/filter.ts'
import { TableAggregateOperator } from '../../operators/table-aggregate.ts'
import { TableFilterOperator } from '../../operators/table-filter.ts'
import { TableSelectOperator, type TableSelectSpec } from '../../operators/table-select.ts'
import { StoredTableOperator, TableSourceOperator } from '../../operators/table-source.ts'
import { TableValuesOperator } from '../../operators/table-values.ts'
import type { Operator } from '../../processor/operator.ts'
import { both, type NodeBlueprint, type OperatorBlueprint } from '../../topology/blueprint.ts'
import type { StoreSpec } from '../../topology/topology.ts'
import type {
  StoredNode,
  TableAggregateNode,
  TableFilterNode,
  TableNode,
  TableSelectNode,
  TableValuesNode,
} from '../graph.ts'
import { drawEnds, drawThrough, sourceName } from './repartitions.ts'
import { aggregateSpec, inputOf, passesOf, storeOf, type TablePlan } from './table-plan.ts'

type Parents = readonly string[]

export function drawTable(
  node: TableNode,
  parents: Parents,
  tables: TablePlan
): readonly NodeBlueprint[] {
  const { repartition } = node
  const view = tables.keeps(node) ? tables.viewOf(node) : undefined
  const isKept = view?.kind === 'rows' || view?.kind === 'versions'
  const spec = isKept ? view.spec : undefined
  const stores = spec === undefined ? [] : storesOf(node)
  const create = (): Operator => new TableSourceOperator(spec)
  if (repartition === undefined) return [drawn(node, 'table', parents, create, stores)]
  const through = drawThrough(repartition, parents)
  return [...through, drawn(node, 'table', [sourceName(repartition)], create, stores)]
}

export function drawTableFilter(
  node: TableFilterNode,
  parents: Parents,
  tables: TablePlan
): NodeBlueprint {
  const spec = Object.freeze({
    passes: passesOf(node),
    knowsOld: tables.tellsOld(node),
    isVersioned: tables.isVersioned(node),
  })
  const operator = node.keeps ? 'filter' : 'filter-not'
  return drawn(node, operator, parents, () => new TableFilterOperator(spec))
}

export function drawTableValues(
  node: TableValuesNode,
  parents: Parents,
  tables: TablePlan
): NodeBlueprint {
  const map = node.fn as Callback<unknown>
  const tellsOld = tables.tellsOld(node)
  return drawn(node, 'map-values', parents, () => new TableValuesOperator(map, tellsOld))
}

export function drawStored(node: StoredNode, parents: Parents, tables: TablePlan): NodeBlueprint {
  const { durable: name, key, value, logged } = node
  const spec = Object.freeze({ name, key, value, logged })
  // A filter may not know what it has let pass before; its store does, once somebody asks for it.
  const input = inputOf(node)
  const isFiltered = input.kind === 'table-filter' && !tables.isVersioned(input)
  const isSilent = isFiltered && tables.tellsOld(node)
  const create = (): Operator => new StoredTableOperator(spec, isSilent)
  return drawn(node, 'stored', parents, create, storesOf(node))
}

export function drawTableSelect(
  node: TableSelectNode,
  parents: Parents,
  tables: TablePlan
): NodeBlueprint {
  const select = node.fn as TableSelectSpec['select']
  const isVersioned = tables.isVersioned(inputOf(node))
  const spec = Object.freeze({ select, key: node.key, isVersioned })
  return drawn(node, 'select', parents, () => new TableSelectOperator(spec))
}

export function drawTableAggregate(
  node: TableAggregateNode,
  parents: Parents
): readonly NodeBlueprint[] {
  const { plan, repartition } = node
  const spec = aggregateSpec(node)
  const operator = plan.kind === 'reduce' || plan.kind === 'count' ? plan.kind : 'aggregate'
  const behind = [sourceName(repartition)]
  const create = (): Operator => new TableAggregateOperator(spec)
  return [...drawEnds(repartition, parents), drawn(node, operator, behind, create, storesOf(node))]
}

function storesOf(node: TableNode | StoredNode | TableAggregateNode): readonly StoreSpec[] {
  const store = storeOf(node)
  return store === undefined ? [] : [store]
}

function drawn(
  { name }: { readonly name: string },
  operator: string,
  parents: Parents,
  create: () => Operator,
  stores: readonly StoreSpec[] = []
): OperatorBlueprint {
  const rest = { topic: undefined, stores, aggregates: [], reads: both, replaces: both, create }
  return { kind: 'processor', name, operator, parents, ...rest }
}
