/** The processes themselves: how much of the machine they take, and what Node does with it. */
import type { PanelSpec } from './panels.ts'
import type { Series } from './series.ts'

export function processPanels(series: Series): readonly PanelSpec[] {
  const legend = '{{instance}}'
  const chart = (
    title: string,
    about: string,
    unit: string,
    ...queries: readonly (readonly [expr: string, legend: string])[]
  ): PanelSpec => ({
    kind: 'chart',
    title,
    about,
    unit,
    queries: queries.map(([expr, text]) => ({ expr, legend: text })),
    width: 8,
    height: 7,
  })
  return [
    chart('Processor time', 'Of one core; more than 1 with several threads.', 'percentunit', [
      series.rate('process_cpu_seconds_total'),
      legend,
    ]),
    chart('Memory', 'Of the whole process, all threads.', 'bytes', [
      series.of('process_resident_memory_bytes'),
      legend,
    ]),
    chart(
      'Heap',
      'Of the main thread: used, and reserved. Used that climbs to its limit ends in a crash.',
      'bytes',
      [series.of('nodejs_heap_size_used_bytes'), `${legend} used`],
      [series.of('nodejs_heap_size_total_bytes'), `${legend} reserved`]
    ),
    chart(
      'Event loop',
      'Delay of the main thread. In the order of seconds HTTP does not answer in time.',
      's',
      [series.of('nodejs_eventloop_lag_p99_seconds'), `${legend} 99 %`],
      [series.of('nodejs_eventloop_lag_mean_seconds'), `${legend} mean`]
    ),
    chart('Garbage collection', 'The part of the time that goes into it.', 'percentunit', [
      `sum by (instance, kind) (${series.rateOf('nodejs_gc_duration_seconds', 'sum')})`,
      `${legend} {{kind}}`,
    ]),
    chart('Open files', 'The part of those that the process may open.', 'percentunit', [
      `${series.of('process_open_fds')} / ${series.of('process_max_fds')}`,
      legend,
    ]),
  ]
}
