package io.parley.workers.replica;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.util.List;

/** Works for tests. */
public final class Works {
  public static final ModelId MODEL = new ModelId("test", "1");
  public static final ModelInfo INFO = new ModelInfo(MODEL, 256, 0, "test", "Apache-2.0");

  private Works() {}

  public static AttemptId id(int n) {
    return new AttemptId(new SessionId(TenantId.DEFAULT, "s" + n), 1, 1);
  }

  public static Work work(int n, String text, SamplingParams sampling) {
    return new Work(
        id(n),
        MODEL,
        List.of(new Message(Role.USER, text)),
        List.of(),
        sampling,
        ContextPolicy.ERROR,
        Priority.INTERACTIVE,
        0,
        Long.MAX_VALUE);
  }

  public static Work withPrefix(Work work, List<Integer> prefix) {
    return new Work(
        work.id(),
        work.model(),
        work.messages(),
        prefix,
        work.sampling(),
        work.contextPolicy(),
        work.priority(),
        work.startedAtEpochMillis(),
        work.queueDeadlineEpochMillis());
  }

  public static Work withTenant(Work work, String tenant) {
    AttemptId id = work.id();
    return new Work(
        new AttemptId(
            new SessionId(new TenantId(tenant), id.session().value()), id.turn(), id.attempt()),
        work.model(),
        work.messages(),
        work.prefix(),
        work.sampling(),
        work.contextPolicy(),
        work.priority(),
        work.startedAtEpochMillis(),
        work.queueDeadlineEpochMillis());
  }

  public static Work withDeadline(Work work, long queueDeadlineEpochMillis) {
    return new Work(
        work.id(),
        work.model(),
        work.messages(),
        work.prefix(),
        work.sampling(),
        work.contextPolicy(),
        work.priority(),
        work.startedAtEpochMillis(),
        queueDeadlineEpochMillis);
  }

  public static Work withStart(Work work, long startedAtEpochMillis) {
    return new Work(
        work.id(),
        work.model(),
        work.messages(),
        work.prefix(),
        work.sampling(),
        work.contextPolicy(),
        work.priority(),
        startedAtEpochMillis,
        work.queueDeadlineEpochMillis());
  }

  public static Work withPriority(Work work, Priority priority) {
    return new Work(
        work.id(),
        work.model(),
        work.messages(),
        work.prefix(),
        work.sampling(),
        work.contextPolicy(),
        priority,
        work.startedAtEpochMillis(),
        work.queueDeadlineEpochMillis());
  }

  public static SamplingParams stopping(int maxTokens, String... stop) {
    return new SamplingParams(0, 1, 0, 0, 1, 0, 0, 7, List.of(stop), maxTokens, false, false, 0);
  }
}
