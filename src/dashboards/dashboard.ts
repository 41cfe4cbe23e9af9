/**
 * A dashboard out of its rows: panels side by side as they come, 24 columns wide; variables,
 * annotations and links as all dashboards have them.
 */
import { assert } from '../assert.ts'
import type { Dashboard, Link, Panel, Row, Variable } from './grafana.ts'
import { dataSource } from './grafana.ts'
import { type PanelSpec, panel } from './panels.ts'
import type { Series } from './series.ts'

export interface RowSpec {
  /** Absent: panels at the top of the page. */
  readonly title?: string
  /** Closed until somebody opens it. */
  readonly collapsed?: boolean
  readonly panels: readonly PanelSpec[]
}

export interface DashboardSpec {
  readonly uid: string
  readonly title: string
  readonly description: string
  /** What is shown before anybody chooses, such as `now-24h`. */
  readonly from: string
  readonly rows: readonly RowSpec[]
  /** Other dashboards, by uid. */
  readonly related: readonly { readonly uid: string; readonly title: string }[]
}

const columns = 24

export function dashboard(spec: DashboardSpec, series: Series): Dashboard {
  return {
    uid: spec.uid,
    title: spec.title,
    description: spec.description,
    tags: ['millrace'],
    editable: false,
    graphTooltip: 1,
    schemaVersion: 39,
    version: 1,
    refresh: '1m',
    time: { from: spec.from, to: 'now' },
    timezone: 'browser',
    links: spec.related.map(link),
    annotations: { list: annotations(series) },
    templating: { list: variables(series) },
    panels: place(spec.rows, series),
  }
}

/** Top to bottom, left to right; a line of panels is as high as the highest of it. */
function place(rows: readonly RowSpec[], series: Series): readonly (Panel | Row)[] {
  const placed: (Panel | Row)[] = []
  let [id, top] = [0, 0]
  for (const { title, collapsed = false, panels } of rows) {
    const rowId = title === undefined ? id : ++id
    const first = title === undefined ? top : top + 1
    const { line, bottom } = lines(panels, first, id, series)
    id += line.length
    if (title !== undefined) {
      const gridPos = { x: 0, y: top, w: columns, h: 1 }
      const inside = collapsed ? line : []
      placed.push({ id: rowId, type: 'row', title, collapsed, gridPos, panels: inside })
    }
    if (!collapsed) placed.push(...line)
    top = collapsed ? first : bottom
  }
  return placed
}

function lines(specs: readonly PanelSpec[], first: number, lastId: number, series: Series) {
  const line: Panel[] = []
  let [x, y, height] = [0, first, 0]
  for (const spec of specs) {
    assert(spec.width >= 1 && spec.width <= columns, `${spec.title} has ${spec.width} columns`)
    if (x + spec.width > columns) [x, y, height] = [0, y + height, 0]
    const metrics = series.in(spec.queries.map(({ expr }) => expr))
    const gridPos = { x, y, w: spec.width, h: spec.height }
    line.push(panel({ spec, id: lastId + line.length + 1, gridPos, metrics }))
    x += spec.width
    height = Math.max(height, spec.height)
  }
  return { line, bottom: y + height }
}

function variables(series: Series): readonly Variable[] {
  series.declaration('millrace_build_info')
  const query = { type: 'query', datasource: dataSource, refresh: 2, sort: 1, regex: '' } as const
  const all = {
    multi: true,
    includeAll: true,
    allValue: '.+',
    current: { text: 'All', value: '$__all' },
  }
  return [
    {
      name: 'datasource',
      label: 'Data Source',
      type: 'datasource',
      query: 'prometheus',
      refresh: 1,
      regex: '',
      current: { text: 'Prometheus', value: 'prometheus' },
    },
    {
      name: 'job',
      label: 'Job',
      ...query,
      ...all,
      query: 'label_values(millrace_build_info, job)',
    },
    {
      name: 'instance',
      label: 'Instance',
      ...query,
      ...all,
      query: 'label_values(millrace_build_info{job=~"$job"}, instance)',
    },
  ]
}

/** What explains a bend in a curve: alerts, starts, and tasks that moved. */
function annotations(series: Series): readonly object[] {
  const annotation = (name: string, iconColor: string, expr: string, titleFormat: string) => {
    return { name, iconColor, expr, titleFormat, datasource: dataSource, enable: true, step: '60s' }
  }
  const started = series.of('process_start_time_seconds')
  const handedOut = series.of('millrace_rebalances_total')
  return [
    annotation(
      'Alerts',
      'red',
      'ALERTS{job=~"$job", alertname=~"Shop.*", alertstate="firing"}',
      '{{alertname}}'
    ),
    annotation('Starts', 'blue', `changes(${started}[2m]) > 0`, '{{instance}} started'),
    annotation(
      'Rebalances',
      'purple',
      `increase(${handedOut}[2m]) > 0`,
      'Tasks were handed out to {{instance}}'
    ),
  ]
}

function link({ uid, title }: DashboardSpec['related'][number]): Link {
  const common = { type: 'link', icon: 'dashboard', tooltip: '' } as const
  return { ...common, title, url: `/d/${uid}`, keepTime: true, includeVars: true }
}
