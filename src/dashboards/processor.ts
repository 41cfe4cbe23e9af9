/**
 * What somebody on call looks at: is it up, does it keep up, and if not, where; then every
 * sub-topology of the application by itself, and what it shows of its own.
 */
import type { Topology } from '../topology/topology.ts'
import { instrumentPanels, subtopologyRow } from './application.ts'
import { chart, oldIsBad } from './charts.ts'
import { dashboard } from './dashboard.ts'
import type { Dashboard } from './grafana.ts'
import { overviewPanels } from './overview.ts'
import type { PanelSpec } from './panels.ts'
import { processPanels } from './process.ts'
import type { Series } from './series.ts'

export interface ProcessorDashboardOptions {
  readonly uid: string
  readonly title: string
  readonly topology: Pick<Topology, 'subtopologies' | 'instruments'>
  readonly related: readonly { readonly uid: string; readonly title: string }[]
  /** Whether the gauges and counters of the topology get a row; not if they are shown elsewhere. */
  readonly showInstruments: boolean
}

export function processorDashboard(series: Series, options: ProcessorDashboardOptions): Dashboard {
  const { uid, title, topology, related, showInstruments } = options
  const own = showInstruments && topology.instruments.length > 0
  return dashboard(
    {
      uid,
      title,
      description: 'Instances, lag, commits, state and processes of a stream processor.',
      from: 'now-6h',
      related,
      rows: [
        { panels: overviewPanels(series) },
        { title: 'Does it keep up?', panels: keepingUp(series) },
        { title: 'Commits', panels: commits(series) },
        { title: 'Tasks and state', panels: tasks(series) },
        ...(own
          ? [
              {
                title: 'What the topology shows',
                panels: instrumentPanels(series, topology.instruments),
              },
            ]
          : []),
        ...topology.subtopologies.map((one) => subtopologyRow(series, one)),
        { title: 'Processes', panels: processPanels(series) },
      ],
    },
    series
  )
}

function keepingUp(series: Series): readonly PanelSpec[] {
  const lag = series.of('millrace_lag_records')
  const watermark = series.of('millrace_watermark_timestamp_seconds')
  return [
    chart('Waiting records', 'Records that are still to be read, by topic.', 'short', [
      { expr: `sum by (job, topic) (${lag})`, legend: '{{job}}: {{topic}}' },
    ]),
    {
      ...chart(
        'Behind',
        'The age of what was read last of a partition in which more waits, by topic: nothing to ' +
          'see is good.',
        's',
        [
          {
            expr: `max by (job, topic) (time() - ${watermark} and ${lag} > 0)`,
            legend: '{{job}}: {{topic}}',
          },
        ]
      ),
      thresholds: oldIsBad,
    },
    chart('Dropped', 'Records in a second that did not contribute, by reason.', 'cps', [
      {
        expr: `sum by (job, reason) (${series.rate('millrace_dropped_records_total')})`,
        legend: '{{job}}: {{reason}}',
      },
    ]),
    chart(
      'Read',
      'Records in a second that each instance takes from topics, its own repartition topics too.',
      'cps',
      [
        {
          expr: `sum by (instance) (${series.rate('millrace_records_in_total')})`,
          legend: '{{instance}}',
        },
      ],
      12
    ),
    chart(
      'Written',
      'Records in a second that each instance puts into topics, changelogs too.',
      'cps',
      [
        {
          expr: `sum by (instance) (${series.rate('millrace_records_out_total')})`,
          legend: '{{instance}}',
        },
      ],
      12
    ),
  ]
}

function commits(series: Series): readonly PanelSpec[] {
  const count = `sum by (instance) (${series.rate('millrace_commits_total')})`
  const seconds = `sum by (instance) (${series.rate('millrace_commit_seconds_total')})`
  const aborted = `sum by (instance) (${series.rate('millrace_commits_aborted_total')})`
  return [
    chart('Commits', 'In a second.', 'cps', [{ expr: count, legend: '{{instance}}' }]),
    chart('Time of a commit', 'On average. The broker aborts transactions of a minute.', 's', [
      { expr: `${seconds} / (${count} > 0)`, legend: '{{instance}}' },
    ]),
    {
      ...chart('Aborted', 'The part of the commits that did not happen.', 'percentunit', [
        { expr: `${aborted} / (${count} + ${aborted} > 0)`, legend: '{{instance}}' },
      ]),
      max: 1,
    },
  ]
}

function tasks(series: Series): readonly PanelSpec[] {
  const rebalances = series.of('millrace_rebalances_total')
  const restores = series.of('millrace_restores_total')
  const count = `sum by (instance) (increase(${restores}[$__range]))`
  const seconds = series.of('millrace_restore_seconds_total')
  return [
    chart('Tasks', 'By instance: who has how much to do.', 'short', [
      {
        expr: `sum by (instance, state) (${series.of('millrace_tasks')} > 0)`,
        legend: '{{instance}}: {{state}}',
      },
    ]),
    chart('State', 'In memory and on disk, by instance.', 'bytes', [
      {
        expr: `sum by (instance) (${series.of('millrace_state_bytes')})`,
        legend: '{{instance}}',
      },
    ]),
    {
      ...chart(
        'Rebalances',
        'Times that tasks were handed out, within the interval of a step.',
        'short',
        [
          {
            expr: `sum by (instance) (increase(${rebalances}[$__rate_interval]))`,
            legend: '{{instance}}',
          },
        ]
      ),
      kind: 'bars',
    },
    chart(
      'Still to restore',
      'Records of changelogs that tasks have to read before they run: it has to fall.',
      'short',
      [
        {
          expr: `sum by (instance, store) (${series.of('millrace_restore_remaining_records')})`,
          legend: '{{instance}}: {{store}}',
        },
      ]
    ),
    chart('Restored', 'Records of changelogs that are read in a second.', 'cps', [
      {
        expr: `sum by (instance) (${series.rate('millrace_restored_records_total')})`,
        legend: '{{instance}}',
      },
    ]),
    {
      kind: 'tile',
      title: 'Time of a restore',
      about: 'On average, in the time that is shown.',
      unit: 's',
      queries: [
        {
          expr: `sum by (instance) (increase(${seconds}[$__range])) / (${count} > 0)`,
          legend: '{{instance}}',
        },
      ],
      width: 8,
      height: 7,
      plain: true,
      missing: 'no restores',
    },
  ]
}
