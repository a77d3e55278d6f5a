package io.parley.node.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.persistence.chain.ChainReport;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** How far a walk over all journals is. */
final class AuditWalk {
  /** A reader hears at least so often of a walk that finds nothing. */
  private static final long PROGRESS_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final boolean each;
  private final long begun = System.nanoTime();
  private long told = begun;
  private long journals;
  private long notWhole;
  private long events;
  private long supersededRows;
  private long unsignedEvents;

  /**
   * @param each whether journals that are whole have a line, too
   */
  AuditWalk(boolean each) {
    this.each = each;
  }

  /** The lines that this journal gives. */
  List<ObjectNode> next(ChainReport report) {
    journals++;
    events += report.events();
    supersededRows += report.supersededRows();
    unsignedEvents += Math.max(0, report.lastSequence() - report.signedSequence());
    notWhole += report.isWhole() ? 0 : 1;
    List<ObjectNode> lines = new ArrayList<>();
    if (each || !report.isWhole()) {
      lines.add(AuditJson.report(report));
    }
    long now = System.nanoTime();
    if (now - told > PROGRESS_NANOS) {
      told = now;
      lines.add(counts("audit.progress"));
    }
    return lines;
  }

  ObjectNode sum() {
    return counts("audit.summary");
  }

  private ObjectNode counts(String object) {
    return Json.object()
        .put("object", object)
        .put("journals", journals)
        .put("not_whole", notWhole)
        .put("events", events)
        .put("superseded_rows", supersededRows)
        .put("unsigned_events", unsignedEvents)
        .put("millis", TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun));
  }
}
