// What the network API answers, as far as the dashboard reads it.

export type ServerState =
  | 'stopped' | 'dormant' | 'starting' | 'ready' | 'degraded' | 'stopping' | 'backoff' | 'crashed' | 'quarantined' | 'refused';

export interface InstanceStatus {
  state: ServerState;
  since: number;
  pid: number | null;
  cpu_percent: number | null;
  memory_bytes: number | null;
  threads: number | null;
  fds: number | null;
  processes: number | null;
  in_flight: number;
  calls: number;
  retry_in_s: number | null;
}

export interface ServerStatus {
  server: string;
  state: ServerState;
  /** Unix seconds. */
  since: number;
  pid: number | null;
  cpu_percent: number | null;
  memory_bytes: number | null;
  starts: number;
  restarts: number;
  calls: number;
  errors: number;
  in_flight: number;
  waiting: number;
  fault: string | null;
  warnings: string[];
  is_kept: boolean;
  is_stateful: boolean;
  groups: string[];
  depends_on: string[];
  instances: InstanceStatus[];
  about?: string;
  /** How many; the server alone gives them one by one. */
  tools?: number | ToolInList[];
}

export type Effect = 'read' | 'write' | 'destructive';

export interface ToolInList {
  tool: string;
  server: string;
  title?: string;
  about?: string;
  effect: Effect;
}

export interface Explained {
  tool: string;
  title?: string;
  also?: string[];
  description: string;
  replaced_description?: string;
  effect: Effect;
  effect_source: string;
  replaced_effect?: Effect;
  is_idempotent: boolean;
  input_schema: Schema;
  output_schema?: unknown;
  annotations?: unknown;
  server_about?: string;
  server_fault?: string;
}

/** A JSON schema; whatever a server wrote there, so nothing of it is sure. */
export type Schema = { readonly [name: string]: unknown } | boolean;

export interface Status {
  version: string;
  pid: number;
  uptime_s: number;
  servers: { total: number; running: number; failed: number };
  tools: number;
  clients: number;
  calls: { total: number; errors: number; in_flight: number; per_s: number };
  memory_bytes: number | null;
  listens: string[];
}

export interface CallLine {
  id: string;
  /** Unix milliseconds of its end. */
  at: number;
  verb: string;
  who: string;
  surface: string;
  server?: string | null;
  tool?: string | null;
  outcome: string;
  duration_ms: number;
  confidence?: number | null;
  attempts?: number | null;
}

export interface CallDetail extends CallLine {
  params?: unknown;
  params_truncated?: boolean;
  error?: unknown;
  request?: string | null;
  decision?: string;
  candidates?: unknown;
}

export interface Latency {
  bounds_ms: number[];
  counts: number[];
  p50_ms: number | null;
  p90_ms: number | null;
  p99_ms: number | null;
}

export interface LogLine {
  at: number;
  source: string;
  text: string;
}

export interface AuditEntry {
  seq: number;
  at: number;
  who: string;
  from?: string | null;
  action: string;
  target?: string | null;
  outcome: string;
  ms?: number | null;
  details?: unknown;
  /** Of an event: entries before it that were not told. */
  left_out?: number;
}

export type Series = Record<'cpu_percent' | 'memory_bytes' | 'calls' | 'errors' | 'in_flight', (number | null)[]>;

export interface History {
  step_s: number;
  /** Unix seconds of the first value. */
  from: number;
  series: Record<string, Partial<Series>>;
}

export interface Setting {
  key: string;
  value: unknown;
  origin: string;
  about?: string;
}

export interface Ranked {
  tool: string;
  server: string;
  about?: string;
  score: number;
  confidence: number;
  effect: Effect;
  parts: Record<string, number>;
  /** In words. */
  why?: string[];
}

export interface Inspected {
  request: string;
  decision: 'run' | 'confirm' | 'choose' | 'none';
  tool?: string | null;
  confidence: number;
  any_confidence: number;
  bars: Record<'read' | 'write' | 'destructive' | 'any', number>;
  effect?: Effect | null;
  is_named?: boolean;
  ranked: Ranked[];
  latency_ms?: Record<string, number>;
}

export interface ToolLine {
  tool: string;
  signature?: string;
  about?: string;
  effect?: Effect;
  confidence?: number;
  why?: string[];
  plan?: string;
}

export interface Executed {
  outcome: string;
  /** Of a result that was too large to be handed over. */
  handle?: string;
  message?: string;
  result?: unknown;
  route?: { server: string; tool: string; confidence: number; is_named: boolean; attempts: number; duration_ms: number; instead_of?: string; lessons?: string[]; route_id?: string };
  tool?: string;
  params?: unknown;
  plan?: string;
  problems?: string[];
  candidates?: ToolLine[];
  schema?: Schema;
  lessons?: string[];
  route_id?: string;
}

export interface Acted {
  server: string;
  is_done: boolean;
  state: ServerState;
  message?: string | null;
}

export interface Tick {
  at: number;
  calls_per_s: number;
  errors_per_s: number;
  in_flight: number;
  servers: Record<string, { cpu_percent: number | null; memory_bytes: number | null; calls: number; errors: number; in_flight: number; state: ServerState }>;
}
