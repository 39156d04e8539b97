// The last two minutes of one number, in the space of a word.

const WIDTH = 120;
const HEIGHT = 28;

interface SparkProps {
  /** Oldest first; `NaN` where there was none. */
  values: readonly number[];
  /** What it is, for those who do not see it. */
  label: string;
  format: (value: number) => string;
  tone: 'cpu' | 'memory' | 'calls' | 'errors';
  /** The scale reaches at least so far, so that idling looks like idling. */
  least: number;
}

export function Spark({ values, label, format, tone, least }: SparkProps) {
  const real = values.filter(Number.isFinite);
  const top = Math.max(least, ...real) * 1.08;
  const step = WIDTH / Math.max(1, values.length - 1);
  let line = '';
  let area = '';
  let start = -1;
  const x = (place: number) => (place * step).toFixed(1);
  const close = (end: number) => {
    if (start >= 0) area += `L${x(end)} ${HEIGHT}L${x(start)} ${HEIGHT}Z`;
    start = -1;
  };
  values.forEach((value, place) => {
    if (!Number.isFinite(value)) return close(place - 1);
    const point = `${start < 0 ? 'M' : 'L'}${x(place)} ${(HEIGHT - 1 - (value / top) * (HEIGHT - 3)).toFixed(1)}`;
    if (start < 0) start = place;
    line += point;
    area += point;
  });
  close(values.length - 1);
  const last = real.at(-1);
  const told = last === undefined ? 'nothing measured' : `now ${format(last)}, at most ${format(Math.max(...real))}`;
  return (
    <svg class={`spark tone-${tone}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${label}, last two minutes: ${told}`}>
      <path class="spark-area" d={area} />
      <path class="spark-line" d={line} />
    </svg>
  );
}
