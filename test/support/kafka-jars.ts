/**
 * The jars of Apache Kafka's own server, or of Kafka Streams, from Maven Central into a cache, once
 * per version; Maven compares their checksums. Several processes may ask at the same time: one
 * fetches beside and renames, the others wait for it.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** One of each line of Apache Kafka that is supported, oldest first. */
export const kafkaVersions = ['3.9.1', '4.1.1', '4.3.0'] as const

/** What a test runs against unless it asks for another; `KAFKA_TEST_VERSION` moves all of them. */
export const defaultVersion = process.env['KAFKA_TEST_VERSION'] ?? '4.1.1'

export interface BrokerAvailability {
  readonly available: boolean
  /** What is missing, and what to do; empty if available. */
  readonly reason: string
}

/** Whether real brokers can be run here: Java to run them, Maven to fetch them once. */
export async function brokerAvailability(): Promise<BrokerAvailability> {
  if (process.env['KAFKA_BROKERS']) return { available: true, reason: '' }
  const hasJava = await answers('java', ['-version'])
  if (!hasJava) return { available: false, reason: 'No Java: install a JRE, 17 or newer' }
  if (existsSync(libDirectory(defaultVersion)) || (await answers('mvn', ['-v']))) {
    return { available: true, reason: '' }
  }
  return { available: false, reason: "No Maven to fetch the broker's jars with: install maven" }
}

/** What an artifact of Apache Kafka is for, and how its directory in the cache is called. */
const artifacts = { kafka: 'kafka_2.13', 'kafka-streams': 'kafka-streams' } as const

/** The directory that holds the jars of this version; fetches them if it must. */
export async function ensureJars(
  version: string = defaultVersion,
  what: keyof typeof artifacts = 'kafka'
): Promise<string> {
  const lib = libDirectory(version, what)
  await fetchOnce(lib, (beside) => fetchInto(beside, artifacts[what], version))
  return lib
}

/** Makes the directory unless it is there; `fetch` fills one beside, which is renamed then. */
export async function fetchOnce(
  directory: string,
  fetch: (beside: string) => Promise<void>
): Promise<void> {
  await mkdir(join(directory, '..'), { recursive: true })
  while (!existsSync(directory)) {
    const lock = `${directory}.lock`
    if (await take(lock)) {
      try {
        if (!existsSync(directory)) await fetchBeside(directory, fetch)
      } finally {
        await rm(lock, { force: true })
      }
    } else {
      await sleep(250)
    }
  }
}

function libDirectory(version: string, what: keyof typeof artifacts = 'kafka'): string {
  return join(millraceCache(), `${what}-${version}`, 'lib')
}

/** Where downloads, and what is compiled for them, are kept from one run to the next. */
export function millraceCache(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return join(cache, 'millrace')
}

async function answers(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, [...args])
    return true
  } catch {
    return false
  }
}

/** True: the lock is ours. A lock whose owner is gone is broken. */
async function take(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx')
    await file.writeFile(String(process.pid))
    await file.close()
    return true
  } catch {
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''))
    if (owner > 0 && !isAlive(owner)) await rm(lock, { force: true })
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function fetchBeside(
  directory: string,
  fetch: (beside: string) => Promise<void>
): Promise<void> {
  const beside = `${directory}.${process.pid}`
  await mkdir(beside, { recursive: true })
  try {
    await fetch(beside)
    await rename(beside, directory)
  } catch (error) {
    await rm(beside, { recursive: true, force: true })
    // Somebody else was faster, after a lock that was left behind.
    if (existsSync(directory)) return
    throw new Error(`Making ${directory} failed`, { cause: error })
  }
}

async function fetchInto(beside: string, artifact: string, version: string): Promise<void> {
  const pom = join(beside, 'pom.xml')
  await writeFile(pom, pomText(artifact, version))
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
  await run('mvn', ['-q', '-B', '-C', '-f', pom, goal, `-DoutputDirectory=${beside}`], {
    timeout: 600_000,
  })
}

function pomText(artifact: string, kafka: string): string {
  const dependency = (group: string, artifact: string, version: string): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
    `<version>${version}</version></dependency>`
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
    '<groupId>millrace.test</groupId><artifactId>kafka-broker</artifactId><version>1</version>',
    '<dependencies>',
    dependency('org.apache.kafka', artifact, kafka),
    dependency('org.slf4j', 'slf4j-simple', '1.7.36'),
    '</dependencies></project>',
  ].join('\n')
}
