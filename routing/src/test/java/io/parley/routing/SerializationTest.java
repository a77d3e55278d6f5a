package io.parley.routing;

import static io.parley.routing.Fixtures.MODEL;
import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Adapter;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import akka.serialization.Serializer;
import akka.serialization.Serializers;
import akka.serialization.jackson.JacksonObjectMapperProvider;
import akka.stream.javadsl.Source;
import akka.stream.javadsl.StreamRefs;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.routing.Dispatcher.FreeSlots;
import io.parley.routing.Dispatcher.Full;
import io.parley.routing.Dispatcher.GivenBack;
import io.parley.routing.Dispatcher.NoWorker;
import io.parley.routing.Dispatcher.OpenStream;
import io.parley.routing.Dispatcher.Queued;
import io.parley.routing.Dispatcher.StreamOpened;
import io.parley.routing.Dispatcher.Taken;
import io.parley.routing.Dispatcher.Withdrawn;
import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.JsonFormat;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.AnswerForm.ToolUse;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport.Admitted;
import io.parley.routing.protocol.AttemptReport.Dispatched;
import io.parley.routing.protocol.AttemptReport.Failed;
import io.parley.routing.protocol.AttemptReport.TokenGroup;
import io.parley.routing.protocol.CborSerializable;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.routing.protocol.TokenLogProb.Alternative;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerLoad;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.routing.protocol.WorkerMessage.DropAttempt;
import io.parley.routing.protocol.WorkerMessage.GroupAccepted;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every message that crosses a node's border survives the way, to the last field. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SerializationTest {
  private static final AttemptId ID =
      new AttemptId(new SessionId(new TenantId("acme"), "abc123"), 3, 2);

  private static final ModelInfo ENCODER =
      new ModelInfo(ModelId.parse("encoder@1"), 256, 1_700_000_000L, "tests", "Apache-2.0", 384);

  private static final WorkerLoad LOAD = new WorkerLoad(8, 2.5, 120.5, 900);

  private ActorTestKit kit;

  @BeforeAll
  void startNode() {
    kit = ActorTestKit.create("serialization", Fixtures.node());
  }

  @AfterAll
  void stopNode() {
    kit.shutdownTestKit();
  }

  Stream<CborSerializable> messages() {
    ActorRef<WorkerMessage> worker = kit.createTestProbe(WorkerMessage.class).ref();
    PromptInfo prompt = new PromptInfo(12, 4, 1, MODEL.id(), "tf-cpu");
    Token plain = new Token(7, "grüß 你好 \uD83D\uDE00");
    Token scored =
        new Token(
            8,
            "",
            Optional.of(
                new TokenLogProb(-0.5f, "\u00e4\u00ff", List.of(new Alternative(9, "x", -1.25f)))));
    SamplingParams sampling =
        new SamplingParams(
            0.7, 0.9, 40, 0.05, 1.1, 0.1, 0.2, -42L, List.of("stop", "\n"), 99, true, true, 5);
    AnswerForm form =
        new AnswerForm(
            Optional.of(new JsonFormat("name", Optional.of("{\"type\":\"null\"}"))),
            List.of(
                new Tool("add", Optional.of("Adds."), "{}"),
                new Tool("wait", Optional.empty(), "{}")),
            ToolUse.REQUIRED,
            Optional.of("add"));
    return Stream.of(
        new Work(
            ID,
            MODEL.id(),
            List.of(new Message(Role.SYSTEM, "be brief"), new Message(Role.USER, "hi")),
            List.of(1, 2, 3),
            sampling,
            ContextPolicy.DROP_OLDEST,
            Priority.BULK,
            1_767_225_600_000L,
            123_456_789_012L),
        new Work(
            ID,
            MODEL.id(),
            List.of(new Message(Role.TOOL, "17", List.of("call_1"))),
            List.of(),
            sampling.withForm(Optional.of(form)),
            ContextPolicy.ERROR,
            Priority.INTERACTIVE,
            5,
            6,
            true),
        MODEL,
        ENCODER,
        new EmbeddingRequest.Texts(
            "e-0-1", new TenantId("acme"), List.of("grüß", "你好"), 123_456_789_012L),
        new EmbeddingDispatcher.Handed(
            kit.createTestProbe(EmbeddingDispatcher.WorkerCommand.class).ref(),
            -7L,
            List.of(new EmbeddingRequest.Texts("e", new TenantId("acme"), List.of("a"), 5)),
            embeddings()),
        new EmbeddingDispatcher.Pull(worker, ENCODER.id(), -7L, 512),
        new EmbeddingDispatcher.Withdrawn(worker),
        new EmbeddingDispatcher.Broke(worker),
        new EmbeddingRequest.Cancel("e-0-1"),
        new EmbeddingReply.Refused(
            "e-0-1", EmbeddingReply.Reason.TOO_LONG, 3, "has 300 tokens", 2_000),
        new Dispatched(ID, worker),
        new Dispatched(ID, worker, true),
        new Admitted(ID, prompt, worker),
        new TokenGroup(
            ID,
            prompt,
            5,
            List.of(plain, scored),
            Optional.of(new Finish(FinishReason.STOP, "tail")),
            worker),
        new TokenGroup(ID, prompt, 0, List.of(plain), Optional.empty(), worker),
        new Failed(ID, FailureCode.ENGINE_FAILED, "why", Optional.of(worker)),
        new Failed(ID, FailureCode.QUEUE_TIMEOUT, "why"),
        new GroupAccepted(ID, 17, true),
        new DropAttempt(ID),
        new Queued(ID),
        new Full(ID, 2_000),
        new NoWorker(ID),
        new OpenStream(worker, MODEL, 4, kit.createTestProbe(StreamOpened.class).ref(), LOAD),
        new Taken(worker, -5L, ID, 3, true),
        new FreeSlots(worker, 5L, 3, LOAD),
        new GivenBack(worker, 5L, ID),
        new Withdrawn(worker, MODEL.id()),
        new WorkerDirectory.Describe(kit.createTestProbe(WorkerDirectory.Answer.class).ref()),
        new WorkerDirectory.Description(worker, MODEL),
        new WorkerDirectory.Farewell(worker));
  }

  @ParameterizedTest
  @MethodSource("messages")
  void aMessageComesBackEqual(CborSerializable message) {
    assertThat(kit.serializationTestKit().verifySerialization(message, true)).isEqualTo(message);
  }

  private ActorRef<EmbeddingReply> embeddings() {
    return kit.createTestProbe(EmbeddingReply.class).ref();
  }

  @Test
  void arraysComeBackWithTheirNumbers() {
    EmbeddingRequest tokens =
        new EmbeddingRequest.Tokens(
            "e", new TenantId("acme"), List.of(new int[] {1, -2}, new int[0]), 5);
    for (CborSerializable message :
        List.of(
            tokens,
            new EmbeddingDispatcher.Handed(
                kit.createTestProbe(EmbeddingDispatcher.WorkerCommand.class).ref(),
                1,
                List.of(tokens),
                embeddings()),
            new EmbeddingReply.Embedded("e", 7, new byte[] {1, -1, 0}))) {
      assertThat(kit.serializationTestKit().verifySerialization(message, false))
          .usingRecursiveComparison()
          .isEqualTo(message);
    }
  }

  @Test
  void whatAnOlderNodeSaysIsUnderstood() throws IOException {
    ActorRef<WorkerMessage> worker = kit.createTestProbe(WorkerMessage.class).ref();

    assertThat(without("load", new FreeSlots(worker, 5L, 3, LOAD)))
        .isEqualTo(new FreeSlots(worker, 5L, 3, WorkerLoad.UNKNOWN));
    assertThat(without("suspect", Fixtures.suspect(Fixtures.work(1)))).isEqualTo(Fixtures.work(1));
  }

  /** The message as it comes from a node that does not know one of its fields. */
  private Object without(String field, CborSerializable message) throws IOException {
    Serialization serialization = SerializationExtension.get(Adapter.toClassic(kit.system()));
    ObjectMapper cbor =
        JacksonObjectMapperProvider.get(Adapter.toClassic(kit.system()))
            .getOrCreate("jackson-cbor", Optional.empty());
    Serializer serializer = serialization.findSerializerFor(message);
    ObjectNode tree = (ObjectNode) cbor.readTree(serialization.serialize(message).get());
    assertThat(tree.remove(field)).isNotNull();
    return serialization
        .deserialize(
            cbor.writeValueAsBytes(tree),
            serializer.identifier(),
            Serializers.manifestFor(serializer, message))
        .get();
  }

  @Test
  void aStreamsReferenceComesBack() {
    StreamOpened opened =
        new StreamOpened(9L, Source.<Work>empty().runWith(StreamRefs.sourceRef(), kit.system()), 1);

    StreamOpened back = kit.serializationTestKit().verifySerialization(opened, false);

    assertThat(back.streamId()).isEqualTo(9L);
    assertThat(back.prefetch()).isEqualTo(1);
    assertThat(back.works()).isNotNull();
  }
}
