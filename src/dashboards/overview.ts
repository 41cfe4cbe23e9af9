/** The first glance: tiles that are green or not, what is firing, and what runs. */
import { alertsTile, noneIsBad, oldIsBad } from './charts.ts'
import type { PanelSpec, Threshold } from './panels.ts'
import type { Series } from './series.ts'

const anyIsNew: readonly Threshold[] = [
  { color: 'green', value: null },
  { color: 'orange', value: 1 },
]

export function overviewPanels(series: Series): readonly PanelSpec[] {
  const tasksIn = (state: string) => `sum by (job) (${series.of('millrace_tasks', { state })})`
  const behind = `time() - ${series.of('millrace_watermark_timestamp_seconds')}`
  const waiting = `${series.of('millrace_lag_records')} > 0`
  const up = series.of('millrace_state', { state: 'running' })
  return [
    tile('Instances', 'Instances that run.', `sum by (job) (${up})`, noneIsBad),
    tile(
      'Log',
      'Whether every instance reaches Kafka, or its embedded log: 1 if so.',
      `min by (job) (${series.of('millrace_log_up')})`,
      noneIsBad
    ),
    tile('Tasks', 'Tasks that process records.', tasksIn('running'), noneIsBad),
    tile('Restoring', 'Tasks that read their changelogs first.', tasksIn('restoring'), anyIsNew),
    tile(
      'Behind',
      'The greatest age of what was read last of a partition in which more waits.',
      `max by (job) (${behind} and ${waiting}) or max by (job) (0 * ${up})`,
      oldIsBad,
      's'
    ),
    alertsTile(4, []),
    ...tables(series),
  ]
}

function tables(series: Series): readonly PanelSpec[] {
  return [
    {
      kind: 'table',
      title: 'Firing alerts',
      about: 'Each is explained in docs/alerts.md, with what to do.',
      unit: 'short',
      queries: [{ expr: 'ALERTS{job=~"$job", alertstate="firing"}', legend: '{{alertname}}' }],
      width: 16,
      height: 5,
      missing: 'none',
    },
    {
      kind: 'table',
      title: 'Versions',
      about: 'What runs where: more than one version only while it is being replaced.',
      unit: 'short',
      queries: [
        {
          expr: `max by (instance, version) (${series.of('millrace_build_info')})`,
          legend: '{{instance}}',
        },
      ],
      width: 8,
      height: 5,
    },
  ]
}

function tile(
  title: string,
  about: string,
  expr: string,
  thresholds: readonly Threshold[],
  unit = 'short'
): PanelSpec {
  const queries = [{ expr, legend: '{{job}}' }]
  const size = { width: 4, height: 4 }
  return { kind: 'tile', title, about, unit, queries, thresholds, ...size, alarm: true }
}
