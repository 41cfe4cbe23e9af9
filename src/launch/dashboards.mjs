/**
 * `npm run dashboards -- [DIRECTORY]`: writes the dashboards of the shop metrics processor, by the
 * settings in the environment, where Grafana finds them (compose/grafana/dashboards).
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepare, root } from './prepare.mjs'

await prepare()
const { readConfig } = await import('../../dist/src/config.js')
const { shopOptions } = await import('../../dist/src/shop-app.js')
const { dashboardText, shopDashboards } = await import('../../dist/src/shop-dashboards.js')
const directory = process.argv[2] ?? join(root, 'compose/grafana/dashboards')
mkdirSync(directory, { recursive: true })
for (const [name, dashboard] of shopDashboards(shopOptions(readConfig(process.env)))) {
  writeFileSync(join(directory, name), dashboardText(dashboard))
  console.log(`dashboards: ${join(directory, name)}`)
}
