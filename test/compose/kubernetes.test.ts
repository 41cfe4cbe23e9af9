/** The manifests of docs/operations.md, against what the code expects of a pod. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { durationMs } from '../../src/durations.ts'
import { environmentOf, lastOf, readStages } from '../support/dockerfile.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = read('docs/operations.md')
const [, text = ''] = /^```yaml\n(.*?)^```$/ms.exec(page) ?? []
const manifests = parseAllDocuments(text)
const image = readStages(read('compose/Dockerfile')).at(-1)

interface Labels {
  readonly app: string
}

interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } }
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}

interface Container {
  readonly image: string
  readonly command: readonly string[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly env: readonly Variable[]
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

interface StatefulSet {
  readonly serviceName: string
  readonly replicas: number
  readonly selector: { readonly matchLabels: Labels }
  readonly template: {
    readonly metadata: { readonly labels: Labels }
    readonly spec: {
      readonly terminationGracePeriodSeconds: number
      readonly containers: readonly [Container]
      readonly volumes: readonly { readonly name: string }[]
    }
  }
  readonly volumeClaimTemplates: readonly { readonly metadata: { readonly name: string } }[]
}

interface Service {
  readonly clusterIP: string
  readonly selector: Labels
  readonly ports: readonly { readonly port: number; readonly targetPort: string }[]
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

function manifest<S>(kind: string): { readonly metadata: { readonly name: string }; spec: S } {
  const found = manifests.map((one) => one.toJS() as { kind: string }).find((m) => m.kind === kind)
  if (found === undefined) throw new Error(`the page has no ${kind}`)
  return found as unknown as ReturnType<typeof manifest<S>>
}

const set = manifest<StatefulSet>('StatefulSet').spec
const pod = set.template.spec
const [container] = pod.containers

describe('the manifests for Kubernetes', () => {
  it('are YAML without faults, and belong together', () => {
    expect(manifests.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([])
    const service = manifest<Service>('Service')
    const budget = manifest<{ selector: { matchLabels: Labels } }>('PodDisruptionBudget')
    expect(set.serviceName).toBe(service.metadata.name)
    const { labels } = set.template.metadata
    expect(set.selector.matchLabels).toEqual(labels)
    expect(service.spec.selector).toEqual(labels)
    expect(budget.spec.selector.matchLabels).toEqual(labels)
    expect(service.spec.clusterIP).toBe('None')
    const mounts = container.volumeMounts.map(({ name }) => name)
    const claims = set.volumeClaimTemplates.map(({ metadata }) => metadata.name)
    expect([...claims, ...pod.volumes.map(({ name }) => name)].sort()).toEqual([...mounts].sort())
  })

  it('give settings that the processor takes, and the pod’s name for its own', async () => {
    if (image === undefined) throw new Error('there is no image')
    const directory = await mkdtemp(join(tmpdir(), 'millrace-pod-'))
    onTestFinished(() => rm(directory, { recursive: true, force: true }))
    const token = join(directory, 'token')
    await writeFile(token, 'secret\n')
    const values = container.env.map(({ name, value, valueFrom }) => {
      if (valueFrom !== undefined) return [name, valueFrom.fieldRef.fieldPath] as const
      return [name, name === 'API_TOKEN_FILE' ? token : (value ?? '')] as const
    })
    const config = readConfig({ ...environmentOf(image), ...Object.fromEntries(values) })
    expect(config.kafka?.instanceId).toBe('metadata.name')
    expect(config.apiToken).toBe('secret')
    const tokenPath = container.env.find(({ name }) => name === 'API_TOKEN_FILE')?.value ?? ''
    const paths = container.volumeMounts.map(({ mountPath }) => mountPath)
    expect(paths.some((path) => tokenPath.startsWith(`${path}/`))).toBe(true)
    expect(paths).toContain(config.stateDir)
    expect(container.ports).toEqual([{ name: 'http', containerPort: config.httpPort }])
    // A pod closes in time, and is back before its session ends.
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(10)
    const sessionMs = durationMs(config.kafka?.sessionTimeout ?? '0s')
    expect(sessionMs).toBeGreaterThan(1_000 * pod.terminationGracePeriodSeconds)
  })

  it('run the image as it is made, and ask for its health where it answers', () => {
    if (image === undefined) throw new Error('there is no image')
    const { version } = JSON.parse(read('package.json')) as { readonly version: string }
    expect(container.image).toMatch(new RegExp(`/millrace:${version.replaceAll('.', '\\.')}$`))
    const command = JSON.parse(lastOf(image, 'CMD')) as string[]
    expect(container.command.filter((part) => !part.startsWith('--'))).toEqual(command)
    const routes = read('src/http/app.ts')
    for (const { httpGet } of [container.livenessProbe, container.readinessProbe]) {
      expect(routes).toContain(`route(app, '${httpGet.path}'`)
      expect(httpGet.port).toBe(container.ports[0]?.name)
    }
    expect(container.livenessProbe.httpGet.path).toBe('/livez')
    expect(container.readinessProbe.httpGet.path).toBe('/readyz')
  })
})
