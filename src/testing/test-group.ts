/**
 * The instances of the application under test, which share the work as processes would, and how
 * they take their turns: one record, or one commit, at a time.
 *
 *     alive ──armCrash, crash──▶ dead ──restart──▶ alive
 *       └───freeze──▶ frozen ──thaw──▶ alive
 *
 * Invariants: one instance does something at a time, in the order of their numbers, so that the
 * same input gives the same run; after `settle` nothing is left to do without a record, or time.
 */
import { rm } from 'node:fs/promises'
import { assert } from '../assert.ts'
import type { EmbeddedLog } from '../log/embedded-log.ts'
import type { StreamTask } from '../runtime/stream-task.ts'
import type { CrashPoint, TestInstance } from './test-instance.ts'

export interface TestGroupOptions {
  readonly log: EmbeddedLog
  /** Whether a commit follows each record. */
  readonly commits: boolean
  /** Starts, or starts again, the instance of a number. */
  readonly start: (index: number) => Promise<TestInstance>
}

type Engine = TestInstance['engine']

export class TestGroup {
  readonly #options: TestGroupOptions
  /** By number; a crashed one stays until it is restarted. */
  #instances: TestInstance[] = []

  constructor(options: TestGroupOptions) {
    this.#options = options
  }

  get alive(): readonly TestInstance[] {
    return this.#instances.filter(({ isDead }) => !isDead)
  }

  at(index: number): TestInstance {
    const instance = this.#instances[index]
    assert(instance !== undefined, `instance ${index} exists`)
    return instance
  }

  /** Starts or closes instances until there are this many. */
  async resize(count: number): Promise<void> {
    while (this.#instances.length > count) await this.#instances.pop()?.close()
    while (this.#instances.length < count) {
      this.#instances.push(await this.#options.start(this.#instances.length))
      await this.settle()
    }
    await this.settle()
  }

  async crash(victims: readonly TestInstance[], during: CrashPoint | undefined): Promise<void> {
    for (const victim of victims) {
      if (during === undefined) await victim.crash()
      else victim.armCrash(during)
    }
    if (during === undefined) return
    for (const victim of victims) {
      if (victim.engine.needsCommit) await victim.engine.commit()
    }
    await this.#bury()
  }

  /** Starts those that are dead; `wipe`: without what they had on disk. */
  async restart(wipe: boolean): Promise<void> {
    for (const [index, instance] of this.#instances.entries()) {
      if (!instance.isDead) continue
      await instance.crash()
      if (wipe) await rm(instance.path, { recursive: true, force: true })
      this.#instances[index] = await this.#options.start(index)
    }
    await this.settle()
  }

  /** Works until nothing is left to do; rejects with what ended an instance. */
  async settle(): Promise<void> {
    for (;;) {
      await this.#ready()
      if (await this.#work()) continue
      const { commits } = this.#options
      const isDone = (engine: Engine): boolean => isDrained(engine) || (commits && isHeld(engine))
      const busy = this.alive.some(({ engine }) => !isDone(engine))
      if (!busy && this.#isReady()) return
      await turn()
    }
  }

  async close(): Promise<void> {
    for (const instance of this.#instances) await instance.close()
    this.#instances = []
  }

  /** One record, or one commit; whether there was any. */
  async #work(): Promise<boolean> {
    const { commits } = this.#options
    for (const { engine } of this.alive) {
      engine.observe(false)
      if (commits && isFlying(engine)) {
        // The commit after each record waits for it, and the clock may have to be moved for that.
        for (const { life } of running(engine)) life.settle()
        if (isHeld(engine)) continue
        if (isFlying(engine)) await turn()
        else await this.#commitOf(engine)
        return true
      }
      const done = engine.process(1)
      if (commits && engine.needsCommit && !isFlying(engine)) {
        await this.#commitOf(engine)
        return true
      }
      if (done > 0) return true
    }
    return false
  }

  async #commitOf(engine: Engine): Promise<void> {
    await engine.commit()
    await this.#bury()
  }

  /** Waits until all tasks have an owner, and run. */
  async #ready(): Promise<void> {
    await this.#options.log.balanced()
    await this.#bury()
    while (!this.#isReady()) {
      await turn()
      await this.#bury()
    }
  }

  #isReady(): boolean {
    return this.alive.every(({ engine }) => engine.state === 'running')
  }

  /** Those that died in a commit are let go; those that failed fail the test. */
  async #bury(): Promise<void> {
    for (const instance of this.#instances) {
      if (instance.isDead) await instance.crash()
      else if (instance.engine.failure !== undefined) {
        if (!isCrash(instance.engine.failure)) throw instance.engine.failure
        await instance.crash()
      }
    }
  }
}

function running({ tasks }: Engine): readonly StreamTask[] {
  return tasks.filter(({ isRunning }) => isRunning)
}

function isDrained(engine: Engine): boolean {
  return engine.areGlobalsCurrent && running(engine).every(({ life }) => life.isDrained)
}

function isFlying(engine: Engine): boolean {
  return running(engine).some(({ life }) => life.isFlying)
}

/** Nothing goes on before the clock does. */
function isHeld(engine: Engine): boolean {
  return running(engine).some(({ life }) => life.isHeld)
}

function isCrash(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'MILLRACE_CLIENT_CRASHED'
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
