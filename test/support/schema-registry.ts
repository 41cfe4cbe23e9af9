/**
 * A real schema registry for tests: Apicurio's, from Maven Central, in memory, over the REST API
 * that Confluent's clients speak.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { fetchOnce, millraceCache } from './kafka-jars.ts'

const run = promisify(execFile)
const version = '3.0.9'
const artifact = `io.apicurio:apicurio-registry-app:${version}:tar.gz:all`
const jar = `apicurio-registry-app-${version}-runner.jar`

export interface RunningRegistry {
  /** For `SCHEMA_REGISTRY_URL`. */
  readonly url: string
  stop(): Promise<void>
}

/** Resolves when it answers. */
export async function startRegistry(): Promise<RunningRegistry> {
  const directory = join(millraceCache(), `apicurio-registry-${version}`)
  await fetchOnce(directory, fetchInto)
  const port = await freePort()
  const jvm = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const child = spawn('java', [...jvm, '-jar', join(directory, jar)], {
    cwd: directory,
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'] ?? '',
      QUARKUS_HTTP_PORT: String(port),
      QUARKUS_HTTP_HOST: '127.0.0.1',
    },
  })
  const killOnExit = (): boolean => child.kill('SIGKILL')
  process.once('exit', killOnExit)
  child.once('exit', () => process.off('exit', killOnExit))
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  await answers(child, `${url}/subjects`)
  return { url, stop: () => end(child) }
}

async function answers(child: ChildProcess, url: string): Promise<void> {
  for (let tries = 0; tries < 1_200; tries++) {
    if (child.exitCode !== null) break
    const response = await fetch(url).catch(() => undefined)
    await response?.arrayBuffer()
    if (response?.ok === true) return
    await sleep(100)
  }
  child.kill('SIGKILL')
  throw new Error('The schema registry did not start')
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

async function fetchInto(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  const pom = join(directory, 'pom.xml')
  await writeFile(pom, standIn)
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'
  const options = [`-Dartifact=${artifact}`, `-DoutputDirectory=${directory}`]
  await run('mvn', ['-q', '-B', '-C', '-f', pom, goal, ...options], { timeout: 600_000 })
  const archive = join(directory, `apicurio-registry-app-${version}-all.tar.gz`)
  await run('tar', ['-xzf', archive, '-C', directory])
  await rm(archive)
}

/** The archive's parent is not in every mirror; Maven wants one, and takes the project at hand. */
const standIn = [
  '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
  '<groupId>io.apicurio</groupId><artifactId>apicurio-registry</artifactId>',
  `<version>${version}</version><packaging>pom</packaging></project>`,
].join('\n')

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
