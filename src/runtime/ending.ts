/** How something long-lived has ended, once; nobody has to listen. */
export class Ending {
  readonly promise: Promise<void>
  resolve: () => void = () => {}
  reject: (error: unknown) => void = () => {}

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.promise.catch(() => {})
  }

  /** Resolves either way. */
  async settled(): Promise<void> {
    await this.promise.catch(() => {})
  }
}
