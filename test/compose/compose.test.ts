/**
 * The containers that are shipped, against what the code expects of them. Where a container engine
 * is, they are started as well; where none is, that is said, and nothing here pretends otherwise.
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { type Config, readConfig } from '../../src/config.ts'
import { durationMs } from '../../src/durations.ts'
import { silentLogger } from '../../src/log.ts'
import { ShopApp } from '../../src/shop-app.ts'
import { environmentOf, lastOf, readStages } from '../support/dockerfile.ts'
import { kafkaVersions } from '../support/kafka-jars.ts'
import { isFull } from '../support/lengths.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const directory = join(root, 'compose')
const run = promisify(execFile)

interface Service {
  readonly image: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly command?: readonly string[]
  readonly ports?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[] | Readonly<Record<string, { condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly stop_grace_period?: string
  readonly read_only?: boolean
}

const { services, volumes } = parse(read('compose/compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}
const processors = Object.entries(services).filter(([name]) => name.startsWith('processor-'))
const stages = readStages(read('compose/Dockerfile'))
const [build, image] = stages

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

function service(name: string): Service {
  const found = services[name]
  if (found === undefined) throw new Error(`there is no service ${name}`)
  return found
}

/** As if nothing were set outside: `${NAME:-default}` is its default. */
function environment({ environment: given = {} }: Service): Record<string, string> {
  const filled = (value: string | number) =>
    String(value).replaceAll(/\$\{\w+:-([^}]*)\}/g, (_all, fallback: string) => fallback)
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, filled(value)]))
}

/** Throws what the processor would end with. */
function configOf(processor: Service): Config {
  const set = image === undefined ? {} : environmentOf(image)
  return readConfig({ ...set, ...environment(processor) })
}

function mounts({ volumes: given = [] }: Service) {
  return given.map((text) => {
    const [source = '', target = ''] = text.split(':')
    return { source, target }
  })
}

/** Variables that the settings of the processor know. */
function isSetting(name: string): boolean {
  const files = readdirSync(join(root, 'src')).filter((file) => /^config.*\.ts$/.test(file))
  return files.some((file) => read(`src/${file}`).includes(`'${name}'`))
}

describe('compose.yaml', () => {
  it('names every image by its version, and Kafka in one that is tested', () => {
    const { version } = JSON.parse(read('package.json')) as { readonly version: string }
    for (const [name, { image: text }] of Object.entries(services)) {
      expect(text, name).toMatch(/^[\w./-]+:v?\d+\.\d+\.\d+$/)
    }
    for (const [, processor] of processors) expect(processor.image).toBe(`millrace:${version}`)
    expect(kafkaVersions).toContain(service('kafka').image.split(':')[1])
    expect(service('topics').image).toBe(service('kafka').image)
  })

  it('gives processors settings that they know, and that are right', () => {
    expect(processors.length).toBeGreaterThan(1)
    for (const [name, processor] of processors) {
      for (const variable of Object.keys(processor.environment ?? {})) {
        expect(isSetting(variable), variable).toBe(true)
      }
      const { kafka, stateDir, httpPort, httpHost } = configOf(processor)
      expect(kafka?.instanceId).toBe(name)
      expect(httpHost).toBe('0.0.0.0')
      expect(mounts(processor).map(({ target }) => target)).toEqual([stateDir])
      expect(processor.ports?.map((text) => Number(text.split(':').at(-1)))).toEqual([httpPort])
      expect(processor.read_only).toBe(true)
      // Closing takes 10 seconds at most, and a restart is back within the session.
      const graceMs = 1_000 * Number.parseInt(processor.stop_grace_period ?? '', 10)
      expect(graceMs).toBeGreaterThan(10_000)
      expect(durationMs(kafka?.sessionTimeout ?? '0s')).toBeGreaterThan(graceMs)
    }
    const states = processors.flatMap(([, processor]) => mounts(processor))
    expect(new Set(states.map(({ source }) => source)).size).toBe(processors.length)
    const demos = processors.filter(([, processor]) => configOf(processor).demo)
    expect(demos.length).toBeLessThanOrEqual(1)
  })

  it('lets processors reach the broker, and has their topic made for them', () => {
    const [, processor] = processors[0] ?? []
    const config = configOf(processor as Service)
    const listeners = environment(service('kafka'))['KAFKA_ADVERTISED_LISTENERS'] ?? ''
    expect(listeners.split(',')).toContain(`INSIDE://${config.kafka?.brokers.join()}`)
    const { command = [] } = service('topics')
    const given = (flag: string) => command[command.indexOf(flag) + 1]
    expect(given('--topic')).toBe(config.eventsTopic)
    expect(given('--bootstrap-server')).toBe(config.kafka?.brokers.join())
    expect(Number(given('--partitions'))).toBeGreaterThanOrEqual(processors.length)
    expect(environment(service('kafka'))['KAFKA_AUTO_CREATE_TOPICS_ENABLE']).toBe('false')
  })

  it('has the registry where processors look for it', () => {
    const [, processor] = processors[0] ?? []
    const url = new URL(configOf(processor as Service).schemaRegistry?.url ?? '')
    const registry = service(url.hostname)
    expect(registry.ports).toEqual([`127.0.0.1:${url.port}:${url.port}`])
    expect(environment(registry)['SCHEMA_REGISTRY_LISTENERS']).toBe(`http://0.0.0.0:${url.port}`)
    // With a format of the registry, and the demo off, the settings are still right.
    const avro = { EVENTS_FORMAT: 'confluent-avro', DEMO_TRAFFIC: 'off' }
    const config = readConfig({ ...environment(processor as Service), ...avro })
    expect(config.eventsFormat).toBe('confluent-avro')
  })

  it('opens ports to this machine alone, each once', () => {
    const ports = Object.values(services).flatMap((one) => one.ports ?? [])
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
    const published = ports.map((port) => port.split(':')[1])
    expect(new Set(published).size).toBe(published.length)
  })

  it('mounts what is there, and waits for services that say when they are ready', () => {
    for (const [name, one] of Object.entries(services)) {
      for (const { source, target } of mounts(one)) {
        const isThere = source.startsWith('.')
          ? existsSync(resolve(directory, source))
          : source in volumes
        expect(isThere, `${name}: ${source}:${target}`).toBe(true)
      }
      const waits = Array.isArray(one.depends_on)
        ? one.depends_on.map((other: string) => [other, 'service_started'] as const)
        : Object.entries(one.depends_on ?? {}).map(([other, on]) => [other, on.condition] as const)
      for (const [other, condition] of waits) {
        expect(Object.keys(services), name).toContain(other)
        if (condition === 'service_healthy') {
          expect(service(other).healthcheck?.test[0], other).toBe('CMD')
        }
      }
    }
  })

  it('has every processor scraped, by the rules that are shipped', () => {
    const { scrape_configs, rule_files } = parse(read('compose/prometheus/prometheus.yml')) as {
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[]
      rule_files: string[]
    }
    const [job] = scrape_configs
    const targets = job?.static_configs.flatMap((one) => one.targets)
    expect(job?.job_name).toBe('shop-metrics')
    expect(targets).toEqual(
      processors.map(([name, processor]) => `${name}:${configOf(processor).httpPort}`)
    )
    const prometheus = service('prometheus')
    const home = '/etc/prometheus'
    expect(prometheus.command).toContain(`--config.file=${home}/prometheus.yml`)
    for (const file of rule_files) {
      const mount = mounts(prometheus).find(({ target }) => `${home}/${file}`.startsWith(target))
      const path = `${home}/${file}`.replace(mount?.target ?? '', mount?.source ?? '')
      expect(existsSync(resolve(directory, path)), file).toBe(true)
    }
    // What is compared with last week needs more than that.
    const [, days] = /retention\.time=(\d+)d/.exec(prometheus.command?.join(' ') ?? '') ?? []
    expect(Number(days)).toBeGreaterThan(8)
  })

  it('provisions Grafana with the source and the dashboards, and shows the shop first', () => {
    const grafana = service('grafana')
    const at = (target: string) => {
      const mount = mounts(grafana).find((one) => target.startsWith(`${one.target}/`))
      const path = target.replace(mount?.target ?? '', mount?.source ?? '')
      return resolve(directory, path)
    }
    const home = environment(grafana)['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? ''
    expect(existsSync(at(home)), home).toBe(true)
    const provisioning = '/etc/grafana/provisioning'
    const provider = readFileSync(at(`${provisioning}/dashboards/millrace.yaml`), 'utf8')
    const { providers } = parse(provider) as { providers: { options: { path: string } }[] }
    expect(home.startsWith(`${providers[0]?.options.path}/`)).toBe(true)
    const source = readFileSync(at(`${provisioning}/datasources/prometheus.yaml`), 'utf8')
    const { datasources } = parse(source) as { datasources: { url: string }[] }
    const { hostname, port } = new URL(datasources[0]?.url ?? '')
    expect(service(hostname).ports).toEqual([`127.0.0.1:${port}:${port}`])
  })
})

describe('the Dockerfile', () => {
  it('builds in one stage and runs in another, on a Node that is supported', () => {
    expect(stages.map(({ name }) => name)).toEqual(['build', undefined])
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } }
    const [major, minor] = engines.node.replace('>=', '').split('.').map(Number)
    for (const stage of stages) {
      const found = /^node:(\d+)\.(\d+)\.\d+-[a-z]+-slim$/.exec(stage.image)
      const [, ours, oursMinor] = (found ?? []).map(Number)
      expect(Number(ours) * 1_000 + Number(oursMinor), stage.image).toBeGreaterThanOrEqual(
        Number(major) * 1_000 + Number(minor)
      )
    }
  })

  it('copies what building needs, and what it copies is let in', () => {
    const copied = (build?.instructions ?? [])
      .filter(({ name }) => name === 'COPY')
      .flatMap(({ text }) => text.split(' ').slice(0, -1))
    const ignored = read('.dockerignore').split('\n')
    expect(ignored).toContain('*')
    for (const path of [...copied, 'LICENSE']) {
      expect(existsSync(join(root, path)), path).toBe(true)
      expect(ignored, path).toContain(`!${path}`)
    }
    const [, sources = ''] =
      /^const sources = \[(.*)\]$/m.exec(read('src/launch/prepare.mjs')) ?? []
    expect(sources.match(/(?<=')[^',]+(?=')/g)?.filter((path) => !copied.includes(path))).toEqual(
      []
    )
    for (const secret of ['**/.data', '**/node_modules']) expect(ignored).toContain(secret)
  })

  it('runs as nobody of importance, without a shell, and keeps state where it is mounted', () => {
    if (image === undefined) throw new Error('there is no second stage')
    expect(lastOf(image, 'USER')).toBe('node')
    const command = JSON.parse(lastOf(image, 'CMD')) as string[]
    expect(command).toEqual(['node', 'dist/src/main.js'])
    expect(existsSync(join(root, 'src/main.ts'))).toBe(true)
    const { httpPort, stateDir, httpHost } = readConfig(environmentOf(image))
    expect(lastOf(image, 'EXPOSE')).toBe(String(httpPort))
    expect(lastOf(image, 'VOLUME')).toBe(stateDir)
    expect(httpHost).toBe('0.0.0.0')
    expect(lastOf(image, 'STOPSIGNAL')).toBe('SIGTERM')
  })

  it('asks for its health what the processor answers', async () => {
    if (image === undefined) throw new Error('there is no second stage')
    const [, command = '[]'] = /CMD (\[.*\])$/.exec(lastOf(image, 'HEALTHCHECK')) ?? []
    const [program = '', ...args] = JSON.parse(command) as string[]
    expect(program).toBe('node')
    const healthy = (port: string) =>
      run(process.execPath, args, { env: { HTTP_PORT: port } }).then(
        () => true,
        () => false
      )
    const stateDir = await mkdtemp(join(tmpdir(), 'millrace-health-'))
    onTestFinished(() => rm(stateDir, { recursive: true, force: true }))
    const settings = { STATE_DIR: stateDir, HTTP_PORT: '0', DEMO_TRAFFIC: 'off' }
    const shop = new ShopApp(readConfig(settings), { logger: silentLogger })
    await shop.start()
    const { port } = new URL(shop.url ?? '')
    expect(await healthy(port)).toBe(true)
    await shop.close()
    expect(await healthy(port)).toBe(false)
  })
})

const engine = await run('docker', ['compose', 'version'])
  .then(() => run('docker', ['info']))
  .then(() => (isFull ? undefined : 'MILLRACE_TESTS=full asks for it'))
  .catch((error: unknown) => `no container engine: ${String(error).trim().split('\n').at(-1)}`)

if (engine !== undefined) {
  console.warn(`NOT RUN: compose/compose.yaml (${engine})`)
} else {
  describe('with a container engine', () => {
    it('all of it starts, and every processor becomes ready', { timeout: 900_000 }, async () => {
      const args = ['compose', '-f', join(directory, 'compose.yaml'), '-p', 'millrace-test']
      onTestFinished(async () => void (await run('docker', [...args, 'down', '--volumes'])))
      await run('docker', [...args, 'up', '--build', '--detach', '--wait', '--wait-timeout', '600'])
      for (const [, { ports = [] }] of processors) {
        const [host, port] = ports[0]?.split(':') ?? []
        const ready = async () => (await fetch(`http://${host}:${port}/readyz`)).status
        await expect.poll(ready, { timeout: 120_000 }).toBe(200)
      }
    })
  })
}
