package io.parley.persistence.chain;

import io.parley.persistence.chain.Finding.Kind;
import java.util.List;

/**
 * What a check of one entity's journal gave.
 *
 * @param lastSequence number of the last event
 * @param unsealedEvents those stored before there were seals
 * @param supersededRows rows that are no events, since a later writer has used their numbers
 * @param checkpoints how many were compared
 * @param signedSequence up to where the journal is signed; 0 when no checkpoint says so
 * @param findings in the order in which they were met, not more than {@link ChainCheck#FINDINGS}
 * @param findingsLeftOut how many there are beyond that
 */
public record ChainReport(
    String persistenceId,
    long events,
    long lastSequence,
    long unsealedEvents,
    long supersededRows,
    int checkpoints,
    long signedSequence,
    List<Finding> findings,
    long findingsLeftOut) {

  public ChainReport {
    findings = List.copyOf(findings);
  }

  public boolean isWhole() {
    return findings.isEmpty();
  }

  /** Whether something of this kind was found. */
  public boolean has(Kind kind) {
    return findings.stream().anyMatch(finding -> finding.kind() == kind);
  }
}
