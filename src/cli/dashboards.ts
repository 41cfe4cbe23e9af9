/** `millrace dashboards`: files for Grafana out of a topology, or whether those there fit it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, extname, join, relative, resolve } from 'node:path'
import { readConfig } from '../config.ts'
import type { DashboardFile } from '../dashboard-files.ts'
import { addCommand, type Host, printJson } from './command.ts'
import { status, UsageError } from './failures.ts'
import { withJson } from './settings.ts'
import type { Terminal } from './terminal.ts'
import { type ModuleFlags, moduleOf, topologyOf, withModule } from './topology.ts'

interface Flags extends ModuleFlags {
  readonly out: string
  readonly name?: string
  readonly check?: boolean
  readonly json?: boolean
}

export function addDashboards(host: Host): void {
  const command = addCommand(host, 'dashboards [module]', {
    summary: 'write dashboards for Grafana',
    description:
      'Writes a dashboard for the application that a module builds: lag, commits, state, every ' +
      'sub-topology, and the gauges and counters that the topology declares. Without a module ' +
      'they are the two of the shop metrics, by the settings of the environment.',
    examples: [
      {
        does: 'the two of the shop metrics',
        line: 'millrace dashboards -o compose/grafana/dashboards',
      },
      {
        does: 'one for an application, with its gauges and counters',
        line: 'millrace dashboards orders.js -o grafana --name orders',
      },
      {
        does: 'whether the files are still what would be written',
        line: 'millrace dashboards orders.js -o grafana --name orders --check',
      },
    ],
    statuses: '3 if --check finds a file that is not as it would be written',
  })
  withModule(command)
    .requiredOption('-o, --out <directory>', 'where the files are')
    .option('-n, --name <name>', 'of the dashboard and its file (the name of the module)')
    .option('--check', 'compare with the files that are there, and write nothing')
  withJson(command).action(async (path: string | undefined, flags: Flags) => {
    host.end(await dashboards(host.terminal, path, flags))
  })
}

async function dashboards(
  terminal: Terminal,
  path: string | undefined,
  flags: Flags
): Promise<number> {
  const directory = resolve(terminal.directory, flags.out)
  const made = await filesOf(terminal, path, flags)
  // Only who needs it loads all that belongs to it.
  const { dashboardText } = await import('../dashboard-files.ts')
  const files = made.map(({ name, dashboard }) => {
    const file = join(directory, name)
    const text = dashboardText(dashboard)
    const same = existsSync(file) && readFileSync(file, 'utf8') === text
    const { uid, title } = dashboard
    return { file: relative(terminal.directory, file), uid, title, same, text }
  })
  if (flags.check !== true) {
    mkdirSync(directory, { recursive: true })
    for (const { file, text } of files) writeFileSync(resolve(terminal.directory, file), text)
  }
  if (flags.json === true) printJson(terminal, { files: files.map(({ text: _, ...file }) => file) })
  else for (const { file, same } of files) terminal.out(`${file}: ${told(same, flags)}\n`)
  return flags.check === true && files.some(({ same }) => !same) ? status.differs : status.ok
}

function told(same: boolean, { check }: Flags): string {
  if (check === true) return same ? 'as it would be written' : 'not as it would be written'
  return same ? 'as it was' : 'written'
}

async function filesOf(
  terminal: Terminal,
  path: string | undefined,
  flags: Flags
): Promise<readonly DashboardFile[]> {
  const { applicationDashboard, shopDashboards } = await import('../dashboard-files.ts')
  const module = moduleOf(terminal, path, flags)
  if (path === undefined || module === undefined) {
    if (flags.name !== undefined) {
      throw new UsageError('--name is for a module: those of the shop metrics have names')
    }
    const { shopOptions } = await import('../shop-app.ts')
    return shopDashboards(shopOptions(readConfig(terminal.env)))
  }
  const name = flags.name ?? basename(path, extname(path))
  if (!/^[a-zA-Z0-9-]{1,30}$/.test(name)) {
    throw new UsageError(`--name takes up to 30 letters, digits and dashes, not '${name}'`)
  }
  return [applicationDashboard(await topologyOf(terminal, module), name)]
}
