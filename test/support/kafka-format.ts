/**
 * The directory of a node of Kafka as its storage tool formats it. The tool costs a JVM, so it runs
 * once per version and users, into the cache beside the jars; every node gets a copy.
 *
 *     bootstrap.checkpoint    the first records of the cluster: features, users; the same for all
 *     meta.properties         which node of which cluster it is
 */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fetchOnce } from './kafka-jars.ts'

const run = promisify(execFile)
const checkpoint = 'bootstrap.checkpoint'

export interface NodeFormat {
  /** The jars of the version. */
  readonly lib: string
  /** Users as the storage tool takes them. */
  readonly scramUsers: readonly string[]
  readonly clusterId: string
  readonly nodeId: number
}

/** Makes `directory`, which must not be there yet. */
export async function formatNode(directory: string, format: NodeFormat): Promise<void> {
  const { lib, scramUsers, clusterId, nodeId } = format
  const hash = createHash('sha256').update(scramUsers.join('\n')).digest('hex').slice(0, 16)
  const formatted = join(lib, '..', `formatted-${hash}`)
  await fetchOnce(formatted, (beside) => runTool(beside, lib, scramUsers))
  await mkdir(directory)
  await copyFile(join(formatted, checkpoint), join(directory, checkpoint))
  const properties = {
    version: 1,
    'cluster.id': clusterId,
    'node.id': nodeId,
    'directory.id': directoryId(),
  }
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`)
  await writeFile(join(directory, 'meta.properties'), `${lines.join('\n')}\n`)
}

async function runTool(beside: string, lib: string, scramUsers: readonly string[]): Promise<void> {
  const file = join(beside, 'properties')
  const settings = [
    'process.roles=broker,controller',
    'node.id=1',
    'controller.quorum.voters=1@localhost:9093',
    'listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093',
    'controller.listener.names=CONTROLLER',
    `log.dirs=${beside}`,
  ]
  await writeFile(file, `${settings.join('\n')}\n`)
  const jvm = ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn']
  const tool = ['-cp', `${lib}/*`, 'kafka.tools.StorageTool', 'format']
  const users = scramUsers.flatMap((user) => ['--add-scram', user])
  await run('java', [...jvm, ...tool, '-t', directoryId(), '-c', file, ...users])
  await rm(join(beside, 'meta.properties'))
}

/** 16 bytes as Kafka writes them; it takes no id that begins with a dash for one. */
function directoryId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? directoryId() : id
}
