/** `millrace describe`: a topology as text, diagram or JSON, and whether it can take over. */
import { Option } from 'commander'
import type { Topology } from '../topology/topology.ts'
import { addCommand, type Host, printJson } from './command.ts'
import { status, UsageError } from './failures.ts'
import { readSettings, type SettingFlags, withJson, withPlace } from './settings.ts'
import type { Terminal } from './terminal.ts'
import { type ModuleFlags, moduleOf, readKept, topologyOf, withModule } from './topology.ts'

interface Flags extends ModuleFlags, SettingFlags {
  readonly format?: 'text' | 'mermaid' | 'json'
  readonly optimize?: 'all' | 'none'
  readonly compare?: boolean
  readonly json?: boolean
}

export function addDescribe(host: Host): void {
  const command = addCommand(host, 'describe [module]', {
    summary: 'show a topology as text, diagram or JSON',
    description:
      'Shows what a topology is made of: sub-topologies, nodes, topics and stores. Nothing is ' +
      'run, and no log is needed. Without a module it is that of the shop metrics.',
    examples: [
      {
        does: 'the shop metrics, in the text form of Kafka Streams',
        line: 'millrace describe',
      },
      {
        does: 'a diagram for a page in Markdown',
        line: 'millrace describe orders.js --format mermaid',
      },
      {
        does: 'whether this version can go on with the state that the last one has written',
        line: 'millrace describe orders.js --compare --application-id orders',
      },
    ],
    statuses: '3 if --compare finds what cannot go on',
  })
  withModule(command)
  command
    .addOption(
      new Option('-f, --format <form>', 'of the answer (text)').choices(['text', 'mermaid', 'json'])
    )
    .addOption(
      new Option('-o, --optimize <set>', 'instead of what the module asks for').choices([
        'all',
        'none',
      ])
    )
    .option('--compare', 'with what the state directory says of the topology that wrote it')
  withPlace(command)
  withJson(command).action(async (path: string | undefined, flags: Flags) => {
    host.end(await describe(host.terminal, path, flags))
  })
}

async function describe(
  terminal: Terminal,
  path: string | undefined,
  flags: Flags
): Promise<number> {
  const format = flags.json === true ? 'json' : (flags.format ?? 'text')
  if (flags.json === true && flags.format !== undefined && flags.format !== 'json') {
    throw new UsageError(`--json and --format ${flags.format} exclude each other`)
  }
  const built = await topologyOf(terminal, moduleOf(terminal, path, flags))
  const { optimize } = flags
  const topology = optimize === undefined ? built : built.optimized(optimize)
  if (flags.compare === true) return compare(terminal, topology, path, flags)
  if (format === 'json') printJson(terminal, topology.toJson())
  else terminal.out(withEnd(format === 'text' ? topology.describe() : topology.toMermaid()))
  return status.ok
}

function compare(
  terminal: Terminal,
  topology: Topology,
  path: string | undefined,
  flags: Flags
): number {
  const { directory } = readSettings(terminal, flags, path)
  const kept = readKept(directory)
  if (kept === undefined) {
    throw new UsageError(`${directory} has no description of a topology to compare with`)
  }
  const differences = topology.compare(kept)
  const compatible = differences.every(({ severity }) => severity === 'compatible')
  if (flags.json === true) printJson(terminal, { compatible, differences })
  else {
    for (const { severity, subject, message } of differences) {
      terminal.out(`${severity}: ${subject}: ${message}\n`)
    }
    const found = compatible ? 'can go on with' : 'cannot go on with'
    terminal.out(`This topology ${found} the state in ${directory}.\n`)
  }
  return compatible ? status.ok : status.differs
}

function withEnd(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`
}
