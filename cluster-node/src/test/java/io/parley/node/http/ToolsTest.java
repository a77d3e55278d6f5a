package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.http.FakeSessions.Script;
import io.parley.node.http.RunningEdge.Answer;
import io.parley.node.http.RunningEdge.Event;
import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.JsonFormat;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.AnswerForm.ToolUse;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Forms of answers and calls of tools, as clients ask for them and see them. */
class ToolsTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String RESPONSES = "/v1/responses";
  private static final String ARGUMENTS = "{\"a\": \"}x\", \"b\": {}}";
  private static final String PARAMETERS = "{\"type\":\"object\",\"properties\":{\"a\":true}}";
  private static final String FUNCTION =
      "\"name\":\"add\",\"description\":\"Adds.\",\"parameters\":" + PARAMETERS;
  private static final String CHAT_TOOLS =
      "\"tools\":[{\"type\":\"function\",\"function\":{" + FUNCTION + "}}]";
  private static final String RESPONSE_TOOLS =
      "\"tools\":[{\"type\":\"function\"," + FUNCTION + "}]";

  private RunningEdge edge;

  @BeforeEach
  void start() {
    edge = RunningEdge.start(new FakeSessions());
  }

  @AfterEach
  void stop() {
    edge.close();
  }

  private static String chat(String more) {
    return "{\"model\":\"fake\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
        + more
        + "}";
  }

  private static String response(String more) {
    return "{\"model\":\"fake\",\"input\":\"hi\"," + more + "}";
  }

  private Answer ok(String path, String body, String... headers) throws Exception {
    Answer answer = edge.post(path, body, headers);
    assertThat(answer.status()).as(answer.body()).isEqualTo(200);
    return answer;
  }

  /** An answer in pieces of so many characters. */
  private static Script pieces(String text, int length) {
    List<String> pieces = new ArrayList<>();
    for (int at = 0; at < text.length(); at += length) {
      pieces.add(text.substring(at, Math.min(text.length(), at + length)));
    }
    return Script.of(pieces.toArray(String[]::new));
  }

  private Optional<AnswerForm> asked() {
    return edge.sessions.lastRequest().sampling().form();
  }

  @Test
  void readsTheFormOfAnAnswer() throws Exception {
    JsonFormat named = new JsonFormat("n", Optional.of("{\"type\":\"null\"}"));
    Tool add = new Tool("add", Optional.of("Adds."), PARAMETERS);
    ok(CHAT, chat("\"response_format\":{\"type\":\"text\"},\"tool_choice\":\"auto\""));
    assertThat(asked()).isEmpty();
    ok(CHAT, chat("\"response_format\":{\"type\":\"json_object\"}"));
    assertThat(asked()).contains(AnswerForm.of(new JsonFormat("", Optional.empty())));
    ok(
        CHAT,
        chat(
            "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"strict\":"
                + "true,\"schema\":{\"type\":\"null\"}}}"));
    assertThat(asked()).contains(AnswerForm.of(named));
    ok(
        RESPONSES,
        response(
            "\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":\"null\"}}}"));
    assertThat(asked()).contains(AnswerForm.of(named));
    for (String choice : List.of("none", "auto", "required")) {
      ToolUse use = ToolUse.valueOf(choice.toUpperCase(java.util.Locale.ROOT));
      ok(CHAT, chat(CHAT_TOOLS + ",\"tool_choice\":\"" + choice + "\""));
      assertThat(asked())
          .contains(new AnswerForm(Optional.empty(), List.of(add), use, Optional.empty()));
    }
    ok(
        CHAT,
        chat(
            CHAT_TOOLS
                + ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"add\"}}"));
    AnswerForm only =
        new AnswerForm(Optional.empty(), List.of(add), ToolUse.REQUIRED, Optional.of("add"));
    assertThat(asked()).contains(only);
    ok(
        RESPONSES,
        response(RESPONSE_TOOLS + ",\"tool_choice\":{\"type\":\"function\",\"name\":\"add\"}"));
    assertThat(asked()).contains(only);
  }

  @Test
  void readsCallsAndWhatTheyGave() throws Exception {
    Message call =
        new Message(Role.ASSISTANT, "So:\n" + AnswerForm.call("add", ARGUMENTS), List.of("c1"));
    Message gave = new Message(Role.TOOL, "5", List.of("c1"));
    String arguments = Json.quote(ARGUMENTS);
    ok(
        CHAT,
        "{\"model\":\"fake\",\"messages\":[{\"role\":\"user\",\"content\":\"2+3\"},{\"role\":\"assistant\","
            + "\"content\":\"So:\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":"
            + "{\"name\":\"add\",\"arguments\":"
            + arguments
            + "}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"5\"}]}");
    assertThat(edge.sessions.lastRequest().history())
        .containsExactly(new Message(Role.USER, "2+3"), call);
    assertThat(edge.sessions.lastRequest().input()).containsExactly(gave);

    Answer answer =
        ok(
            RESPONSES,
            "{\"model\":\"fake\",\"input\":[{\"role\":\"assistant\",\"content\":\"So:\"},"
                + "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"add\",\"arguments\":"
                + arguments
                + "},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"5\"}]}");
    assertThat(edge.sessions.lastRequest().input()).containsExactly(call, gave);
    JsonNode items =
        edge.get(RESPONSES + "/" + answer.json().path("id").asText() + "/input_items?order=asc")
            .json()
            .path("data");
    assertThat(items.findValuesAsText("type"))
        .contains("message", "function_call", "function_call_output");
    assertThat(items.get(0).at("/content/0/text").asText()).isEqualTo("So:\n");
    assertThat(items.get(1).path("arguments").asText()).isEqualTo(ARGUMENTS);
    assertThat(items.get(1).path("call_id").asText()).isEqualTo("c1");
    assertThat(items.get(2).path("output").asText()).isEqualTo("5");
  }

  @Test
  void aCallIsNoText() throws Exception {
    edge.sessions.answering(pieces("Let me see.\n" + AnswerForm.call("add", ARGUMENTS), 3));

    JsonNode choice = ok(CHAT, chat(CHAT_TOOLS)).json().at("/choices/0");

    assertThat(choice.path("finish_reason").asText()).isEqualTo("tool_calls");
    assertThat(choice.at("/message/content").asText()).isEqualTo("Let me see.\n");
    JsonNode call = choice.at("/message/tool_calls/0");
    assertThat(call.path("id").asText()).startsWith("call_");
    assertThat(call.at("/function/name").asText()).isEqualTo("add");
    assertThat(call.at("/function/arguments").asText()).isEqualTo(ARGUMENTS);
    // without tools, or where none may be called, it is text
    for (String no : List.of("\"n\":1", CHAT_TOOLS + ",\"tool_choice\":\"none\"")) {
      JsonNode text = ok(CHAT, chat(no)).json().at("/choices/0");
      assertThat(text.path("finish_reason").asText()).isEqualTo("stop");
      assertThat(text.at("/message/content").asText()).contains("<tool_call>");
      assertThat(text.at("/message").has("tool_calls")).isFalse();
    }
  }

  @Test
  void aCutCallHasTheArgumentsSoFar() throws Exception {
    String call = AnswerForm.call("add", ARGUMENTS);
    edge.sessions.answering(
        pieces(call.substring(0, call.indexOf("}x") + 2), 4).withFinish(FinishReason.LENGTH, ""));

    JsonNode choice = ok(CHAT, chat(CHAT_TOOLS)).json().at("/choices/0");

    assertThat(choice.path("finish_reason").asText()).isEqualTo("length");
    assertThat(choice.at("/message/tool_calls/0/function/arguments").asText())
        .isEqualTo("{\"a\": \"}x");
    JsonNode response = ok(RESPONSES, response(RESPONSE_TOOLS)).json();
    assertThat(response.at("/output/0/status").asText()).isEqualTo("incomplete");
    assertThat(response.path("status").asText()).isEqualTo("incomplete");
    List<Event> events = ok(RESPONSES, response(RESPONSE_TOOLS + ",\"stream\":true")).events();
    assertThat(events.get(events.size() - 1).name()).isEqualTo("response.incomplete");
    assertThat(events.get(events.size() - 2).json().at("/item/arguments").asText())
        .isEqualTo("{\"a\": \"}x");
  }

  @Test
  void streamsACallAndGoesOnBehindAnyEvent() throws Exception {
    for (int length : new int[] {1, 3, 7, 500}) {
      edge.sessions
          .answering(pieces("Let me <see>.\n" + AnswerForm.call("add", ARGUMENTS), length))
          .slicesOf(2);
      String body =
          chat(CHAT_TOOLS + ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
      String key = "key-" + length;
      List<Event> whole = ok(CHAT, body, "Idempotency-Key", key).events();

      StringBuilder content = new StringBuilder();
      StringBuilder arguments = new StringBuilder();
      List<String> names = new ArrayList<>();
      List<String> reasons = new ArrayList<>();
      for (Event event : whole.subList(0, whole.size() - 1)) {
        JsonNode choice = event.json().at("/choices/0");
        content.append(choice.at("/delta/content").asText());
        JsonNode call = choice.at("/delta/tool_calls/0");
        arguments.append(call.at("/function/arguments").asText());
        if (call.has("id")) {
          names.add(call.at("/function/name").asText());
          assertThat(call.path("type").asText()).isEqualTo("function");
        }
        if (choice.path("finish_reason").isTextual()) {
          reasons.add(choice.path("finish_reason").asText());
        }
      }
      assertThat(content).hasToString("Let me <see>.\n");
      assertThat(arguments).hasToString(ARGUMENTS);
      assertThat(names).containsExactly("add");
      assertThat(reasons).containsExactly("tool_calls");
      assertThat(whole.stream().map(Event::id)).doesNotHaveDuplicates();
      for (int seen = 0; seen < whole.size(); seen++) {
        String id = whole.get(seen).id();
        assertThat(ok(CHAT, body, "Idempotency-Key", key, "Last-Event-ID", id).events())
            .isEqualTo(whole.subList(seen + 1, whole.size()));
      }
    }
  }

  @Test
  void streamsTheEventsOfACallAndGoesOnBehindAny() throws Exception {
    for (int length : new int[] {1, 4, 500}) {
      edge.sessions
          .answering(pieces("So:\n" + AnswerForm.call("add", ARGUMENTS), length))
          .slicesOf(3);
      String body = response(RESPONSE_TOOLS + ",\"stream\":true");
      String key = "key-" + length;
      List<Event> whole = ok(RESPONSES, body, "Idempotency-Key", key).events();

      assertThat(whole.stream().map(Event::name).distinct())
          .containsExactly(
              "response.created",
              "response.in_progress",
              "response.output_item.added",
              "response.content_part.added",
              "response.output_text.delta",
              "response.output_text.done",
              "response.content_part.done",
              "response.output_item.done",
              "response.function_call_arguments.delta",
              "response.function_call_arguments.done",
              "response.completed");
      StringBuilder arguments = new StringBuilder();
      List<Integer> numbers = new ArrayList<>();
      for (Event event : whole) {
        numbers.add(event.json().path("sequence_number").asInt());
        if (event.name().equals("response.function_call_arguments.delta")) {
          arguments.append(event.json().path("delta").asText());
          assertThat(event.json().path("output_index").asInt()).isEqualTo(1);
        }
      }
      assertThat(arguments).hasToString(ARGUMENTS);
      assertThat(numbers).isSorted().doesNotHaveDuplicates();
      JsonNode response = whole.get(whole.size() - 1).json().path("response");
      assertThat(response.at("/output/0/type").asText()).isEqualTo("message");
      assertThat(response.at("/output/1/type").asText()).isEqualTo("function_call");
      assertThat(response.at("/output/1"))
          .isEqualTo(whole.get(whole.size() - 2).json().path("item"));
      assertThat(response.at("/tools/0/name").asText()).isEqualTo("add");
      assertThat(response.path("tool_choice").asText()).isEqualTo("auto");
      String path = RESPONSES + "/" + response.path("id").asText();
      for (int seen = 0; seen < whole.size(); seen++) {
        List<Event> rest = whole.subList(seen + 1, whole.size());
        assertThat(edge.get(path + "?stream=true&starting_after=" + numbers.get(seen)).events())
            .isEqualTo(rest);
        String id = whole.get(seen).id();
        assertThat(ok(RESPONSES, body, "Idempotency-Key", key, "Last-Event-ID", id).events())
            .isEqualTo(rest);
      }
      int last = numbers.get(numbers.size() - 1);
      assertThat(edge.get(path + "?stream=true&starting_after=" + (last + 16)).status())
          .isEqualTo(400);
    }
  }

  @Test
  void anAnswerThatCallsNothingIsAMessage() throws Exception {
    edge.sessions.answering(Script.of("No", " <tool", " at all"));

    JsonNode response = ok(RESPONSES, response(RESPONSE_TOOLS)).json();
    List<Event> events = ok(RESPONSES, response(RESPONSE_TOOLS + ",\"stream\":true")).events();

    assertThat(response.at("/output/0/content/0/text").asText()).isEqualTo("No <tool at all");
    assertThat(response.path("output")).hasSize(1);
    assertThat(events.get(events.size() - 1).json().at("/response/output/0/content"))
        .isEqualTo(response.at("/output/0/content"));
    JsonNode choice = ok(CHAT, chat(CHAT_TOOLS)).json().at("/choices/0");
    assertThat(choice.path("finish_reason").asText()).isEqualTo("stop");
    assertThat(choice.at("/message/content").asText()).isEqualTo("No <tool at all");
  }

  @Test
  void aConversationNamesTheCallThatItsTurnMade() throws Exception {
    edge.sessions.answering(pieces(AnswerForm.call("add", ARGUMENTS), 9));
    String conversation = edge.post("/v1/conversations", "{}").json().path("id").asText();
    Answer answer =
        ok(RESPONSES, response(RESPONSE_TOOLS + ",\"conversation\":\"" + conversation + "\""));

    JsonNode item = answer.json().at("/output/0");
    assertThat(item.path("type").asText()).isEqualTo("function_call");
    JsonNode items =
        edge.get("/v1/conversations/" + conversation + "/items?order=asc").json().path("data");
    assertThat(items.get(1)).isEqualTo(item);
    String path = "/v1/conversations/" + conversation + "/items/" + item.path("id").asText();
    assertThat(edge.get(path).json()).isEqualTo(item);
  }
}
