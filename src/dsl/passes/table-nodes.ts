/** Everything that tables are made of, as nodes that run: one case per kind. */
import type { NodeBlueprint } from '../../topology/blueprint.ts'
import type { LogicalNode } from '../graph.ts'
import { drawForeignKeyJoin } from './foreign-keys.ts'
import { drawGlobalJoin, drawStreamTableJoin, drawTableJoin } from './table-joins.ts'
import type { TablePlan } from './table-plan.ts'
import {
  drawStored,
  drawTable,
  drawTableAggregate,
  drawTableFilter,
  drawTableSelect,
  drawTableValues,
} from './tables.ts'

type Kinds =
  | 'table'
  | 'table-filter'
  | 'table-values'
  | 'stored'
  | 'table-select'
  | 'table-aggregate'
  | 'table-join'
  | 'stream-table-join'
  | 'foreign-key-join'
  | 'stream-global-join'

export function drawTableNode(
  node: Extract<LogicalNode, { kind: Kinds }>,
  parents: readonly string[],
  tables: TablePlan
): readonly NodeBlueprint[] {
  switch (node.kind) {
    case 'table':
      return drawTable(node, parents, tables)
    case 'table-filter':
      return [drawTableFilter(node, parents, tables)]
    case 'table-values':
      return [drawTableValues(node, parents, tables)]
    case 'stored':
      return [drawStored(node, parents, tables)]
    case 'table-select':
      return [drawTableSelect(node, parents, tables)]
    case 'table-aggregate':
      return drawTableAggregate(node, parents)
    case 'table-join':
      return drawTableJoin(node, parents, tables)
    case 'stream-table-join':
      return [drawStreamTableJoin(node, parents, tables)]
    case 'foreign-key-join':
      return drawForeignKeyJoin(node, parents, tables)
    case 'stream-global-join':
      return [drawGlobalJoin(node, parents)]
  }
}
