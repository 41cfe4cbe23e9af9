/**
 * The bench's own program for Kafka Streams, compiled from `bench/java` once for each version of
 * its source; the jars come from Maven Central, as those of the tests' brokers do.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ensureJars, millraceCache } from '../../test/support/kafka-jars.ts'

const run = promisify(execFile)
export const streamsVersion = '4.1.1'
const javaMin = 17
const directory = fileURLToPath(new URL('../java/', import.meta.url))
const names = ['Event', 'Formats', 'StreamsCases', 'StreamsBench']
const sources = names.map((name) => join(directory, `${name}.java`))

/** What precedes the arguments of the program: `java -Xmx… -cp … StreamsBench`. */
export async function streamsCommand(heap: string): Promise<readonly string[]> {
  const lacking = await lackingTools()
  if (lacking !== '') throw new Error(lacking)
  const lib = await ensureJars(streamsVersion, 'kafka-streams')
  const hash = createHash('sha256').update(lib)
  for (const source of sources) hash.update(readFileSync(source))
  const classes = join(millraceCache(), `bench-${hash.digest('hex').slice(0, 16)}`)
  if (!existsSync(classes)) await compile(lib, classes)
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
  const path = `${classes}${delimiter}${join(lib, '*')}`
  return ['java', `-Xmx${heap}`, quiet, '-cp', path, 'StreamsBench']
}

/** What is missing here, and what to do; empty if nothing is. */
export async function lackingTools(): Promise<string> {
  const { stdout, stderr } = await run('javac', ['-version']).catch(() => ({
    ...{ stdout: '', stderr: '' },
  }))
  const major = Number(/javac (\d+)/.exec(`${stdout}${stderr}`)?.[1] ?? 0)
  const advice = `install a JDK, ${javaMin} or newer, or leave it out: --peers millrace`
  if (major === 0) return `No javac to compile the program for Kafka Streams with: ${advice}`
  if (major < javaMin) return `javac ${major} is too old for Kafka Streams' program: ${advice}`
  return ''
}

/** Beside, then renamed: another run may do the same. */
async function compile(lib: string, classes: string): Promise<void> {
  const beside = `${classes}.${process.pid}`
  await run('javac', ['-nowarn', '-d', beside, '-cp', join(lib, '*'), ...sources])
  await rename(beside, classes).catch(async (error: unknown) => {
    await rm(beside, { recursive: true, force: true })
    if (!existsSync(classes)) throw error
  })
}
