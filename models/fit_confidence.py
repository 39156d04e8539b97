#!/usr/bin/env python3
"""Fits the two confidence models of src/router/calibration.rs.

  mcporch eval --features FILE FOLDER...   writes FILE
  fit_confidence.py FILE         prints what each set says when it was left out of the fit, then the Rust constants

Needs numpy only. is_right is fitted on answerable requests, over whole and small catalogues; is_any on the same and on
requests that nothing serves. Each set counts the same, whatever its size; small catalogues count half.
"""
import csv, sys
from collections import Counter
import numpy as np

RIGHT = ["share_logit", "meaning", "words", "words_agree", "meaning_agree"]
ANY = ["meaning", "words"]
RIGHT_PARTS, ANY_PARTS = ("full", "small"), ("full", "small", "negative", "without", "small_without")
HALF = ("small", "small_without")
# Negatives that are only negative towards the few functions offered with them, not towards the whole set.
NOT_NEGATIVE = {"bfcl_live"}

def read(path):
    rows = [r for r in csv.DictReader(open(path), delimiter="\t") if not (r["part"] == "negative" and r["set"] in NOT_NEGATIVE)]
    names = [k for k in rows[0] if k not in ("set", "part", "right", "mentioned")]
    return (names, np.array([[float(r[n]) for n in names] for r in rows]), np.array([r["right"] == "1" for r in rows]),
            np.array([r["set"] for r in rows]), np.array([r["part"] for r in rows]), np.array([r["mentioned"] == "1" for r in rows]))

def weights(sets, parts):
    n = Counter(zip(sets, parts))
    w = np.array([(0.5 if p in HALF else 1.0) / n[s, p] for s, p in zip(sets, parts)])
    return w / w.sum()

def fit(x, y, w, ridge=1e-3):
    """Newton steps on the weighted logistic loss, features scaled to unit spread for the ridge."""
    mean, spread = np.average(x, axis=0, weights=w), x.std(0) + 1e-9
    z = np.c_[(x - mean) / spread, np.ones(len(x))]; b = np.zeros(z.shape[1])
    keep = np.r_[np.full(len(b) - 1, ridge), 0]
    for _ in range(100):
        p = 1 / (1 + np.exp(-z @ b))
        step = np.linalg.solve((z * (w * p * (1 - p))[:, None]).T @ z + np.diag(keep + 1e-12), z.T @ (w * (p - y)) + keep * b)
        b -= step
        if abs(step).max() < 1e-10: break
    return np.r_[b[:-1] / spread, b[-1] - (b[:-1] * mean / spread).sum()]

def predict(b, x): return 1 / (1 + np.exp(-(x @ b[:-1] + b[-1])))

def auroc(a, b):
    if not len(a) or not len(b): return np.nan
    x = np.r_[a, b]; _, inv, n = np.unique(x, return_inverse=True, return_counts=True)
    rank = (np.cumsum(n) - (n - 1) / 2)[inv]
    return (rank[:len(a)].sum() - len(a) * (len(a) + 1) / 2) / (len(a) * len(b))

def ece(p, y):
    b = np.minimum((p * 10).astype(int), 9)
    return sum((b == k).mean() * abs(p[b == k].mean() - y[b == k].mean()) for k in range(10) if (b == k).any())

def main():
    names, x, right, sets, parts, _ = read(sys.argv[1])
    columns = lambda wanted: [names.index(n) for n in wanted]
    cr, ca = columns(RIGHT), columns(ANY)
    mr, ma = np.isin(parts, RIGHT_PARTS), np.isin(parts, ANY_PARTS)
    answerable = np.isin(parts, ("full", "small"))
    w = lambda m: weights(sets[m], parts[m])
    bars, table, pooled = (.7, .75, .8, .85, .9, .93, .95, .97), [], []
    for s in sorted(set(sets)):
        out, inn = sets != s, sets == s
        br = fit(x[mr & out][:, cr], right[mr & out], w(mr & out)); ba = fit(x[ma & out][:, ca], answerable[ma & out], w(ma & out))
        f, small = inn & (parts == "full"), inn & (parts == "small")
        p, q = predict(br, x[:, cr]), predict(ba, x[:, ca])
        neg, without = inn & (parts == "negative"), inn & (parts == "without")
        row = dict(set=s, p1=right[f].mean(), ece=ece(p[f], right[f]), auc=auroc(p[f & right], p[f & ~right]), ece_small=ece(p[small], right[small]),
                   auc_small=auroc(p[small & right], p[small & ~right]), no_tool=auroc(q[f], q[neg]),
                   fpr95=(q[neg] >= np.quantile(q[f], .05)).mean() if neg.any() else np.nan, hidden=auroc(q[f], q[without]))
        for bar in bars:
            m, ms = f & (p >= bar), small & (p >= bar)
            row[f"prec@{bar}"], row[f"cov@{bar}"] = (right[m].mean() if m.sum() >= 5 else np.nan), m.sum() / f.sum()
            row[f"sprec@{bar}"], row[f"scov@{bar}"] = (right[ms].mean() if ms.sum() >= 5 else np.nan), ms.sum() / small.sum()
        for bar in (.1, .13, .15, .2, .25, .3):
            row[f"lost@{bar}"] = (q[f] < bar).mean(); row[f"refused@{bar}"] = (q[neg] < bar).mean() if neg.any() else np.nan
        table.append(row)
    keys = [k for k in table[0] if k != "set" and "@" not in k]
    print("set              " + " ".join(f"{k:>9}" for k in keys))
    for r in table: print(f"{r['set']:16} " + " ".join(f"{r[k]:9.3f}" for k in keys))
    print(f"{'mean':16} " + " ".join(f"{np.nanmean([r[k] for r in table]):9.3f}" for k in keys))
    print("\nprecision/coverage of the left-out set at each bar of is_right (whole catalogue; last column: mean over small ones)")
    for bar in bars:
        print(f"{bar:.2f} " + " ".join(f"{r['set'][:9]} {100*r[f'prec@{bar}']:.0f}/{100*r[f'cov@{bar}']:.0f}" for r in table)
              + f" | mean {100*np.nanmean([r[f'prec@{bar}'] for r in table]):.1f}/{100*np.mean([r[f'cov@{bar}'] for r in table]):.1f}"
              + f" | small {100*np.nanmean([r[f'sprec@{bar}'] for r in table]):.1f}/{100*np.mean([r[f'scov@{bar}'] for r in table]):.1f}")
    print("\nbar of is_any: answerable requests lost, and requests without a tool refused")
    for bar in (.1, .13, .15, .2, .25, .3):
        print(f"{bar:.2f} lost {100*np.mean([r[f'lost@{bar}'] for r in table]):.1f} refused {100*np.nanmean([r[f'refused@{bar}'] for r in table]):.1f}")
    br, ba = fit(x[mr][:, cr], right[mr], w(mr)), fit(x[ma][:, ca], answerable[ma], w(ma))
    full = lambda b, c: [next((b[c.index(i)] for _ in [0] if i in c), 0.0) for i in range(len(names))]
    for name, b, c in (("IS_RIGHT", br, cr), ("IS_ANY", ba, ca)):
        print(f"const {name}: ([f32; {len(names)}], f32) = ([{', '.join(f'{v:.3f}' for v in full(b, c))}], {b[-1]:.3f});")

main()
