/** `millrace lag`: how far behind the ends of its topics an application is, from outside. */
import { FatalError } from '../errors.ts'
import type { TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import { decodeTimeMetadata } from '../runtime/time-metadata.ts'
import { addCommand, type Host, printJson } from './command.ts'
import { status, UsageError } from './failures.ts'
import { type LogOutside, openOutside } from './outside.ts'
import { untilAnswered } from './progress.ts'
import { readSettings, type SettingFlags, type Settings, withJson, withPlace } from './settings.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'
import { type ModuleFlags, moduleOf, type Shape, shapeOf, withModule } from './topology.ts'

interface Flags extends ModuleFlags, SettingFlags {
  readonly failAbove?: string
  readonly json?: boolean
}

/** One partition that the application reads. */
export interface LagRow extends TopicPartition {
  /** Null: nothing here tells which tasks there are. */
  readonly task: string | null
  /** Next offset to be read; null: nothing was committed yet. */
  readonly committed: number | null
  readonly end: number
  /** Records from there to the end. */
  readonly lag: number
  /** Greatest event time that was read, as ISO 8601; null: not known. */
  readonly watermark: string | null
}

export interface LagReport {
  readonly applicationId: string
  readonly log: 'embedded' | 'kafka'
  /** Who runs it at the moment. */
  readonly members: readonly string[]
  readonly lag: number
  readonly partitions: readonly LagRow[]
}

export function addLag(host: Host): void {
  const command = addCommand(host, 'lag [module]', {
    summary: 'how far behind its topics an application is',
    description:
      'Compares the committed offsets with the ends of the topics, by task and partition, while ' +
      'the application runs or rests. Of the embedded log a copy is read. Tasks are known from ' +
      'the module, or from the state directory; without either partitions are listed alone.',
    examples: [
      { does: 'of the shop metrics, on the embedded log', line: 'millrace lag' },
      {
        does: 'of another application, on brokers; status 3 above ten thousand records',
        line: 'millrace lag -b localhost:9092 -a orders --fail-above 10000',
      },
    ],
    statuses: '3 if more records are behind than --fail-above allows',
  })
  withModule(command)
  command.option('--fail-above <records>', 'end with status 3 if more are behind in all (no bound)')
  withPlace(command)
  withJson(command).action(async (path: string | undefined, flags: Flags) => {
    host.end(await lag(host.terminal, path, flags))
  })
}

async function lag(terminal: Terminal, path: string | undefined, flags: Flags): Promise<number> {
  const bound = boundOf(flags.failAbove)
  const settings = readSettings(terminal, flags, path)
  const shape = await shapeOf(terminal, moduleOf(terminal, path, flags), settings)
  const outside = await untilAnswered(terminal, settings, openOutside(settings))
  try {
    const partitions = await lagOf(outside, shape)
    const members = await outside.members()
    if (partitions.length === 0 && members.length === 0) throw unknownApplication(settings)
    const found: LagReport = {
      applicationId: settings.applicationId,
      log: outside.kind,
      members,
      lag: partitions.reduce((sum, row) => sum + row.lag, 0),
      partitions,
    }
    if (flags.json === true) printJson(terminal, found)
    else print(terminal, found)
    return found.lag > bound ? status.differs : status.ok
  } finally {
    await outside.close()
  }
}

/** Nothing is behind of what is not there, but whoever asks has another name in mind. */
function unknownApplication({ applicationId, kafka }: Settings): FatalError {
  const where = kafka === null ? 'the embedded log' : kafka.brokers.join(', ')
  return new FatalError(
    'MILLRACE_APPLICATION_UNKNOWN',
    `Nothing is known of ${applicationId} on ${where}: nobody runs it, its group has committed ` +
      'nothing, and no topic is there that it is known to read. Is APPLICATION_ID another, or ' +
      'the cluster? If it has not run yet, create what it reads, and name its module.'
  )
}

/** What its tasks read, and whatever else it has committed; by task, then by name. */
export async function lagOf(
  outside: LogOutside,
  shape: Shape | undefined
): Promise<readonly LagRow[]> {
  const committed = await outside.committed()
  const byName = new Map(committed.map((one) => [partitionName(one), one]))
  const reads = [...(shape?.reads ?? [])]
  const topics = [
    ...new Set([...reads.flatMap(([, names]) => names), ...committed.map(({ topic }) => topic)]),
  ]
  const counts = await outside.partitions(topics)
  const places = topics.flatMap((topic) =>
    Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition }))
  )
  const bounds = await outside.bounds(places)
  const rows = bounds.map(({ topic, partition, start, end }): LagRow => {
    const found = byName.get(partitionName({ topic, partition }))
    const { watermark } = decodeTimeMetadata(found?.metadata ?? '')
    const offset = found?.offset ?? null
    const [subtopology] = reads.find(([, names]) => names.includes(topic)) ?? []
    return {
      task: subtopology === undefined ? null : `${subtopology}_${partition}`,
      topic,
      partition,
      committed: offset,
      end,
      lag: Math.max(0, end - Math.max(offset ?? start, start)),
      watermark: Number.isFinite(watermark) ? new Date(watermark).toISOString() : null,
    }
  })
  return rows.sort(byTask)
}

function print(terminal: Terminal, { applicationId, log, members, lag, partitions }: LagReport) {
  const right = { align: 'right' } as const
  const columns = [
    { name: 'TASK' },
    { name: 'TOPIC' },
    { name: 'PARTITION', ...right },
    { name: 'COMMITTED', ...right },
    { name: 'END', ...right },
    { name: 'LAG', ...right },
    { name: 'WATERMARK' },
  ]
  const rows = partitions.map((row) => [
    row.task,
    row.topic,
    row.partition,
    row.committed,
    row.end,
    row.lag,
    row.watermark,
  ])
  terminal.out(table(columns, rows, terminal.isColoured))
  const where = log === 'kafka' ? 'on brokers' : 'on the embedded log'
  const who = members.length === 0 ? 'nobody' : members.join(', ')
  terminal.out(`\n${applicationId} ${where}: ${lag} records behind. Run by ${who}.\n`)
}

function byTask(left: LagRow, right: LagRow): number {
  const [one, two] = [left, right].map(({ task, topic, partition }) => {
    const [subtopology = '', index = ''] = (task ?? '').split('_')
    return { subtopology: Number(subtopology), index: Number(index), topic, partition }
  })
  if (one === undefined || two === undefined) return 0
  return (
    one.subtopology - two.subtopology ||
    one.index - two.index ||
    one.topic.localeCompare(two.topic) ||
    one.partition - two.partition
  )
}

function boundOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`--fail-above takes a whole number of records, not '${text}'`)
}
