/** `millrace reset`: an application begins anew; first it is said what would be done. */
import { existsSync } from 'node:fs'
import { parseDuration } from '../durations.ts'
import { FatalError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import { partitionName } from '../ids.ts'
import { addCommand, type Host, printJson } from './command.ts'
import { status, UsageError } from './failures.ts'
import { type LogOutside, openOutside } from './outside.ts'
import { untilAnswered } from './progress.ts'
import { carryOut, type ResetOffset, type ResetPlan } from './reset-steps.ts'
import { readSettings, type SettingFlags, type Settings, withJson, withPlace } from './settings.ts'
import type { Terminal } from './terminal.ts'
import { type ModuleFlags, moduleOf, type Shape, shapeOf, withModule } from './topology.ts'

interface Flags extends ModuleFlags, SettingFlags {
  readonly to: string
  readonly stateOnly?: boolean
  readonly execute?: boolean
  readonly json?: boolean
}

type Target = 'earliest' | 'latest' | Timestamp

export function addReset(host: Host): void {
  const command = addCommand(host, 'reset [module]', {
    summary: 'let an application begin anew',
    description:
      'Says what it takes to begin anew: the offsets of the application, its repartition and ' +
      'changelog topics, and the state in the state directory. With --execute it is done, in an ' +
      'order that may be cut anywhere and done again. Refused while the application runs. Topics ' +
      'of yours stay as they are, those that it has written too. Which topics are its own is ' +
      'known from the module, or from the state directory.',
    examples: [
      { does: 'what would be done, for the shop metrics', line: 'millrace reset' },
      {
        does: 'begin anew with the records of the last day, on brokers',
        line: 'millrace reset orders.js -a orders -b localhost:9092 --to 24h --execute',
      },
      {
        does: 'on each further machine: its state directory alone',
        line: 'millrace reset orders.js -a orders -b localhost:9092 --state-only --execute',
      },
    ],
  })
  withModule(command)
  command
    .option(
      '--to <where>',
      'where it reads its sources from: earliest, latest, a date as in ISO 8601, or a time ago ' +
        'such as 24h',
      'earliest'
    )
    .option('--state-only', 'remove the state in the state directory, and nothing else')
    .option('--execute', 'do it')
  withPlace(command)
  withJson(command).action(async (path: string | undefined, flags: Flags) => {
    host.end(await reset(host.terminal, path, flags))
  })
}

async function reset(terminal: Terminal, path: string | undefined, flags: Flags): Promise<number> {
  const target = targetOf(flags.to)
  const settings = readSettings(terminal, flags, path)
  const shape = await shapeOf(terminal, moduleOf(terminal, path, flags), settings)
  if (shape === undefined) {
    throw new UsageError(
      `nothing in ${settings.directory} tells which topics are its own: name the module`
    )
  }
  const outside = await untilAnswered(terminal, settings, openOutside(settings))
  let plan: ResetPlan
  try {
    plan = await planOf(outside, shape, settings, target, flags.stateOnly === true)
  } finally {
    await outside.close()
  }
  const isActive = plan.members.length > 0
  if (flags.execute === true && isActive) throw active(plan)
  if (flags.execute === true) await carryOut(plan, settings)
  const executed = flags.execute === true
  if (flags.json === true) printJson(terminal, { ...plan, executed })
  else print(terminal, plan, executed)
  return status.ok
}

async function planOf(
  outside: LogOutside,
  shape: Shape,
  settings: Settings,
  target: Target,
  isStateOnly: boolean
): Promise<ResetPlan> {
  const { applicationId, directory } = settings
  const shared = {
    applicationId,
    log: outside.kind,
    members: await outside.members(),
    directory: existsSync(directory) ? directory : null,
  }
  if (isStateOnly) {
    const members = outside.kind === 'kafka' ? [] : shared.members
    return { ...shared, members, offsets: [], forgets: false, topics: [], others: [] }
  }
  const all = await outside.topics()
  const topics = shape.internal.filter((name) => all.includes(name)).sort()
  const others = all.filter((name) => looksOwn(name, applicationId) && !topics.includes(name))
  const offsets = await offsetsOf(outside, shape, target)
  return { ...shared, offsets, forgets: true, topics, others: others.sort() }
}

async function offsetsOf(
  outside: LogOutside,
  shape: Shape,
  target: Target
): Promise<readonly ResetOffset[]> {
  const counts = await outside.partitions(shape.sources)
  const missing = shape.sources.filter((name) => !counts.has(name))
  if (missing.length > 0) {
    throw new FatalError(
      'MILLRACE_TOPIC_MISSING',
      `The application reads ${missing.join(', ')}, and there is no such topic.`
    )
  }
  const places = shape.sources.flatMap((topic) =>
    Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition }))
  )
  const committed = new Map(
    (await outside.committed()).map((one) => [partitionName(one), one.offset])
  )
  const bounds = await outside.bounds(places)
  const timed = typeof target === 'number' ? await outside.offsetsAt(places, target) : []
  return bounds.map(({ topic, partition, start, end }, index) => {
    const from = committed.get(partitionName({ topic, partition })) ?? null
    const to = target === 'earliest' ? start : target === 'latest' ? end : timed[index]?.offset
    // Without a commit an application reads from the start of a topic, whatever that is by then.
    return { topic, partition, from, to: to ?? end, sets: target !== 'earliest' }
  })
}

/** As internal topics are called; they may be those of an application with a longer name. */
function looksOwn(name: string, applicationId: string): boolean {
  const suffix = /-(changelog|repartition|subscription-(registration|response)-topic)$/
  return name.startsWith(`${applicationId}-`) && suffix.test(name)
}

function targetOf(text: string): Target {
  if (text === 'earliest' || text === 'latest') return text
  const ms = parseDuration(text)
  if (ms !== undefined) return Date.now() - ms
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isFinite(time)) return time
  throw new UsageError(`--to takes earliest, latest, a date or a duration, not '${text}'`)
}

function active({ applicationId, members }: ResetPlan): FatalError {
  return new FatalError(
    'MILLRACE_APPLICATION_ACTIVE',
    `${applicationId} is run by ${members.join(', ')}: stop it first. A process that was killed ` +
      'counts until its session has timed out.'
  )
}

function print({ out }: Terminal, plan: ResetPlan, executed: boolean): void {
  const { applicationId, log, members, offsets, topics, others, directory, forgets } = plan
  const where = log === 'kafka' ? 'on brokers' : 'on the embedded log'
  out(`${executed ? 'Reset' : 'To reset'} ${applicationId} ${where}:\n`)
  for (const { topic, partition, from, to } of offsets) {
    out(`  read ${topic}-${partition} from ${to} on (it was at ${from ?? 'its start'})\n`)
  }
  if (forgets) out('  forget all other offsets\n')
  for (const name of topics) out(`  delete the topic ${name}\n`)
  if (directory !== null) out(`  remove the state in ${directory}\n`)
  if (others.length > 0) {
    out('Left alone, because this topology has no such topics, though they are named alike:\n')
    for (const name of others) out(`  ${name}\n`)
  }
  if (executed) return
  out('Nothing was done: --execute does it.\n')
  if (members.length > 0) out(`It will be refused as long as ${members.join(', ')} runs it.\n`)
}
