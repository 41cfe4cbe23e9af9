/** Where threads wait for each other: they go on when all are there, or after a while. */

export interface MeetingOptions {
  readonly areAllThere: () => boolean
  /** Called whenever somebody comes and all are there, and when waiting took too long. */
  readonly goOn: () => void
  readonly waitMsMax: number
}

export class Meeting {
  readonly #options: MeetingOptions
  #timer: NodeJS.Timeout | undefined

  constructor(options: MeetingOptions) {
    this.#options = options
  }

  /** Somebody is there. */
  come(): void {
    const { areAllThere, waitMsMax } = this.#options
    if (areAllThere()) this.#goOn()
    else this.#timer ??= setTimeout(() => this.#goOn(), waitMsMax)
  }

  /** Nobody is waited for any more. */
  end(): void {
    clearTimeout(this.#timer)
  }

  #goOn(): void {
    this.end()
    this.#options.goOn()
  }
}
