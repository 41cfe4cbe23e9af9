/** Charts of the usual size, and thresholds of the usual kind. */
import type { PanelSpec, Query, Threshold } from './panels.ts'

export const anyIsBad: readonly Threshold[] = [
  { color: 'green', value: null },
  { color: 'red', value: 1 },
]
export const noneIsBad: readonly Threshold[] = [
  { color: 'red', value: null },
  { color: 'green', value: 1 },
]
/** In seconds. */
export const oldIsBad: readonly Threshold[] = [
  { color: 'green', value: null },
  { color: 'orange', value: 300 },
  { color: 'red', value: 900 },
]

export function chart(
  title: string,
  about: string,
  unit: string,
  queries: readonly Query[],
  width = 8
): PanelSpec {
  return { kind: 'chart', title, about, unit, queries, width, height: 7 }
}

/** How many alerts of the chosen jobs are firing, on a tile. */
export function alertsTile(height: number, links: NonNullable<PanelSpec['links']>): PanelSpec {
  return {
    kind: 'tile',
    title: 'Alerts',
    about: 'How many alerts are firing. Red lines in the charts tell since when, and which.',
    unit: 'short',
    queries: [
      { expr: 'count(ALERTS{job=~"$job", alertstate="firing"}) or vector(0)', legend: 'firing' },
    ],
    width: 4,
    height,
    thresholds: anyIsBad,
    alarm: true,
    plain: true,
    ...(links.length === 0 ? {} : { links }),
  }
}
