/** Panels by what they say; how Grafana wants to hear it is decided here, for all of them alike. */
import type { Declaration } from '../metrics/declarations.ts'
import { dataSource, type GridPosition, type Override, type Panel, type Target } from './grafana.ts'

export interface Query {
  readonly expr: string
  readonly legend: string
  /** What it is compared with: drawn thin, grey and dashed. */
  readonly before?: boolean
  /** On an axis of its own, to the right. */
  readonly right?: boolean
}

export interface Threshold {
  readonly color: string
  /** Null: from the least value on. */
  readonly value: number | null
}

export interface PanelSpec {
  readonly kind: 'tile' | 'chart' | 'bars' | 'table'
  readonly title: string
  /** What it shows, and what to make of it; the help of its metrics is added. */
  readonly about: string
  /** Grafana's name of it. */
  readonly unit: string
  readonly queries: readonly Query[]
  /** Of 24 columns. */
  readonly width: number
  /** In Grafana's steps of 30 pixels. */
  readonly height: number
  readonly decimals?: number
  readonly max?: number
  readonly thresholds?: readonly Threshold[]
  /** Tiles: the background has the colour of the threshold. */
  readonly alarm?: boolean
  /** Tiles: without the curve of the past. */
  readonly plain?: boolean
  /** Instead of a value that is not there. */
  readonly missing?: string
  readonly links?: readonly { readonly title: string; readonly url: string }[]
}

export interface Placed {
  readonly spec: PanelSpec
  readonly id: number
  readonly gridPos: GridPosition
  /** The metrics that it shows. */
  readonly metrics: readonly Declaration[]
}

const neutral: readonly Threshold[] = [{ color: 'text', value: null }]

export function panel({ spec, id, gridPos, metrics }: Placed): Panel {
  const { kind, title, about, queries, links } = spec
  const help = metrics.map((metric) => `- \`${metric.name}\`: ${metric.help}`)
  return {
    id,
    type: kind === 'tile' ? 'stat' : kind === 'table' ? 'table' : 'timeseries',
    title,
    description: help.length === 0 ? about : `${about}\n\n${help.join('\n')}`,
    gridPos,
    datasource: dataSource,
    targets: queries.map((query, index) => target(spec, query, index)),
    fieldConfig: { defaults: defaults(spec), overrides: queries.flatMap(override) },
    options: options(spec),
    ...(links === undefined ? {} : { links }),
    ...(kind === 'table' ? { transformations: withoutTime } : {}),
  }
}

function target({ kind, plain }: PanelSpec, { expr, legend }: Query, index: number): Target {
  const instant = kind === 'table' || (kind === 'tile' && plain === true)
  return {
    refId: refId(index),
    datasource: dataSource,
    expr,
    legendFormat: legend,
    instant,
    range: !instant,
    ...(kind === 'table' ? { format: 'table' } : {}),
  }
}

function defaults(spec: PanelSpec): Readonly<Record<string, unknown>> {
  const { kind, unit, decimals, max, missing, thresholds = neutral } = spec
  const mode = kind === 'tile' || kind === 'table' ? 'thresholds' : 'palette-classic'
  return {
    unit,
    ...(decimals === undefined ? {} : { decimals }),
    ...(kind === 'chart' || kind === 'bars' ? { min: 0 } : {}),
    ...(max === undefined ? {} : { max }),
    ...(missing === undefined ? {} : { noValue: missing }),
    color: { mode },
    thresholds: { mode: 'absolute', steps: thresholds },
    ...(kind === 'chart' || kind === 'bars' ? { custom: drawn(spec) } : {}),
  }
}

/** Never stacked: areas on each other hide what the upper ones do. */
function drawn({ kind, thresholds }: PanelSpec): object {
  return {
    drawStyle: kind === 'bars' ? 'bars' : 'line',
    lineWidth: 2,
    fillOpacity: kind === 'bars' ? 60 : 8,
    showPoints: 'never',
    spanNulls: false,
    axisSoftMin: 0,
    stacking: { mode: 'none' },
    thresholdsStyle: { mode: thresholds === undefined ? 'off' : 'dashed' },
  }
}

function override({ before, right }: Query, index: number): readonly Override[] {
  const properties = [
    ...(before === true
      ? [
          { id: 'color', value: { mode: 'fixed', fixedColor: 'text' } },
          { id: 'custom.drawStyle', value: 'line' },
          { id: 'custom.lineStyle', value: { fill: 'dash', dash: [6, 6] } },
          { id: 'custom.lineWidth', value: 1 },
          { id: 'custom.fillOpacity', value: 0 },
        ]
      : []),
    ...(right === true ? [{ id: 'custom.axisPlacement', value: 'right' }] : []),
  ]
  if (properties.length === 0) return []
  return [{ matcher: { id: 'byFrameRefID', options: refId(index) }, properties }]
}

function options(spec: PanelSpec): Readonly<Record<string, unknown>> {
  const { kind, alarm, plain, queries } = spec
  if (kind === 'table') return { showHeader: true, cellHeight: 'sm', footer: { show: false } }
  if (kind === 'tile') {
    return {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: alarm === true ? 'background' : 'value',
      graphMode: plain === true ? 'none' : 'area',
      textMode: queries.length > 1 ? 'value_and_name' : 'auto',
      justifyMode: 'center',
      orientation: 'auto',
    }
  }
  return {
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
    tooltip: { mode: 'multi', sort: 'desc' },
  }
}

const withoutTime = [
  { id: 'organize', options: { excludeByName: { Time: true, Value: true, __name__: true } } },
]

function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index)
}
