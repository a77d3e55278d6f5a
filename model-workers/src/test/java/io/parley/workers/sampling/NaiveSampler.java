package io.parley.workers.sampling;

import io.parley.routing.protocol.SamplingParams;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** The sampler's documentation as plainly as it can be written: lists, full sorts, StrictMath. */
final class NaiveSampler {
  private record Candidate(int id, double logit, double weight) {}

  private NaiveSampler() {}

  static int sample(
      float[] raw, SamplingParams p, List<Integer> prompt, List<Integer> answer, int position) {
    float[] logits = raw.clone();
    for (int id = 0; id < logits.length; id++) {
      double logit = logits[id];
      if (prompt.contains(id) || answer.contains(id)) {
        logit = logit > 0 ? logit / p.repetitionPenalty() : logit * p.repetitionPenalty();
      }
      int times = 0;
      for (int seen : answer) {
        times += seen == id ? 1 : 0;
      }
      logit -= times > 0 ? p.presencePenalty() + p.frequencyPenalty() * times : 0;
      logits[id] = (float) logit;
    }
    double max = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    double temperature = p.temperature() == 0 ? 1 : p.temperature();
    List<Candidate> all = new ArrayList<>();
    for (int id = 0; id < logits.length; id++) {
      all.add(
          new Candidate(id, logits[id], StrictMath.exp((logits[id] - max) * (1 / temperature))));
    }
    List<Candidate> sorted = new ArrayList<>(all);
    sorted.sort(
        Comparator.comparingDouble(Candidate::logit).reversed().thenComparing(Candidate::id));
    if (p.temperature() == 0) {
      return sorted.get(0).id();
    }
    boolean limited = (p.topK() > 0 && p.topK() < logits.length) || p.topP() < 1;
    List<Candidate> kept = limited ? sorted : all;
    if (p.topK() > 0) {
      kept = kept.subList(0, Math.min(p.topK(), kept.size()));
    }
    if (p.topP() < 1) {
      double total = kept.stream().mapToDouble(Candidate::weight).sum();
      double sum = 0;
      int n = 0;
      do {
        sum += kept.get(n++).weight();
      } while (n < kept.size() && sum < p.topP() * total);
      kept = kept.subList(0, n);
    }
    kept =
        kept.stream()
            .filter(c -> c.weight() >= p.minP())
            .sorted(Comparator.comparing(Candidate::id))
            .toList();
    double total = 0;
    for (Candidate candidate : kept) {
      total += candidate.weight();
    }
    double target = CounterRandom.uniform(p.seed(), position) * total;
    double sum = 0;
    for (Candidate candidate : kept) {
      sum += candidate.weight();
      if (sum > target) {
        return candidate.id();
      }
    }
    throw new AssertionError("nothing drawn");
  }
}
