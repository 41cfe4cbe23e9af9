/** The dashboards that are shipped, and a topology of another kind with one of its own. */
import { type Config, readConfig } from '../../src/config.ts'
import { applicationDashboard, shopDashboards } from '../../src/dashboard-files.ts'
import type { Dashboard, Panel } from '../../src/dashboards/grafana.ts'
import { count, json, StreamsBuilder, string, topic, tumbling } from '../../src/index.ts'
import { shopOptions } from '../../src/shop-app.ts'

export const defaults: Config = readConfig({})

export function shipped(): ReadonlyMap<string, Dashboard> {
  const files = shopDashboards(shopOptions(defaults))
  return new Map(files.map(({ name, dashboard }) => [name, dashboard]))
}

/** Of an application that has nothing to do with shops. */
export function foreignDashboard(): Dashboard {
  const builder = new StreamsBuilder()
  const clicks = topic('clicks', { key: string(), value: json<{ page: string }>() })
  const stream = builder.stream(clicks)
  stream.toCounter({
    name: 'site_clicks_total',
    help: 'Clicks by page',
    label: { name: 'page', of: ({ page }) => page },
  })
  stream
    .windowedBy(tumbling('5m').emit('final'))
    .aggregate('clicks-5m', { clicks: count() })
    .toGauge({ name: 'site_clicks', help: 'Clicks in 5 minutes', value: (row) => row.clicks })
    .toGauge({
      name: 'site_window_end_timestamp_seconds',
      help: 'End of the last window',
      value: (_row, { window }) => window.end / 1_000,
    })
  return applicationDashboard(builder.build(), 'site').dashboard
}

/** Those of closed rows too. */
export function panelsOf({ panels }: Dashboard): readonly Panel[] {
  return panels.flatMap((panel) => (panel.type === 'row' ? panel.panels : [panel]))
}

export function expressionsOf(dashboard: Dashboard): readonly string[] {
  return panelsOf(dashboard).flatMap(({ targets }) => targets.map(({ expr }) => expr))
}
