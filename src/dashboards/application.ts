/** What is of one application alone: its sub-topologies, its gauges and counters. */
import type { InstrumentSpec, SubtopologySpec } from '../topology/topology.ts'
import { chart } from './charts.ts'
import type { RowSpec } from './dashboard.ts'
import type { PanelSpec } from './panels.ts'
import type { Series } from './series.ts'

/** Where it hangs, if it does: partition by partition. Closed until somebody looks. */
export function subtopologyRow(series: Series, { id, nodes, stores }: SubtopologySpec): RowSpec {
  const sources = nodes.flatMap((node) => (node.kind === 'source' ? node.topics : []))
  const labels = { task: `=~"${id}_.*"` }
  const perPartition = (name: string) => `max by (topic, partition) (${series.of(name, labels)})`
  const remaining = series.of('millrace_restore_remaining_records', labels)
  const legend = '{{topic}} {{partition}}'
  const panels = [
    chart('Waiting records', 'By partition.', 'short', [
      { expr: perPartition('millrace_lag_records'), legend },
    ]),
    chart(
      'Event time behind the clock',
      'By partition. The one that is farthest behind holds the windows of its task open; one ' +
        'without records stands still, and is passed over after the idle time.',
      's',
      [{ expr: `time() - ${perPartition('millrace_watermark_timestamp_seconds')}`, legend }]
    ),
    chart('Position', 'Records in a second that are done, by partition.', 'cps', [
      {
        expr: `deriv(${series.of('millrace_position_records', labels)}[$__rate_interval])`,
        legend,
      },
    ]),
    ...(stores.length === 0
      ? []
      : [
          chart(
            'State',
            `By task. Stores: ${stores.map(({ name }) => name).join(', ')}.`,
            'bytes',
            [
              {
                expr: `max by (task) (${series.of('millrace_state_bytes', labels)})`,
                legend: '{{task}}',
              },
            ],
            12
          ),
          chart(
            'Still to restore',
            'Records of the changelogs of its stores.',
            'short',
            [
              {
                expr: `sum by (task, store) (${remaining})`,
                legend: '{{task}}: {{store}}',
              },
            ],
            12
          ),
        ]),
  ]
  const topics = [...new Set(sources.map(({ name }) => name))].join(', ')
  return { title: `Sub-topology ${id}: ${topics}`, collapsed: true, panels }
}

/** One chart for each name, in the order of declaration; what is shown is what its help says. */
export function instrumentPanels(
  series: Series,
  declared: readonly InstrumentSpec[]
): readonly PanelSpec[] {
  const byName = new Map(declared.map((instrument) => [instrument.name, instrument]))
  return [...byName.values()].map(({ kind, name, help, label }) => {
    const labels =
      kind === 'counter' ? [label ?? []].flat() : Object.keys(byName.get(name)?.labels ?? {})
    const by = ['job', ...labels]
    const of = kind === 'counter' ? series.rate(name) : series.of(name)
    const combined = `${kind === 'counter' ? 'sum' : 'max'} by (${by.join(', ')}) (${of})`
    const isTime = name.endsWith('_timestamp_seconds')
    const legend = by.map((one) => `{{${one}}}`).join(' ')
    const about =
      kind === 'counter' ? 'In a second.' : isTime ? 'Time since then.' : 'As of the last commit.'
    const expr = isTime ? `time() - ${combined}` : combined
    return chart(help, about, unitOf(kind, name), [{ expr, legend }])
  })
}

/** By the suffixes that names have by convention. */
function unitOf(kind: 'gauge' | 'counter', name: string): string {
  if (kind === 'counter') {
    if (name.endsWith('_bytes_total')) return 'Bps'
    return name.endsWith('_seconds_total') ? 'percentunit' : 'cps'
  }
  if (name.endsWith('_seconds')) return 's'
  if (name.endsWith('_bytes')) return 'bytes'
  return name.endsWith('_ratio') ? 'percentunit' : 'short'
}
