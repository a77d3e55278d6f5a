package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.http.RunningEdge.Answer;
import io.parley.sessions.SessionCommand.RefusalReason;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BadRequestsTest {
  private static final String CHAT = "/v1/chat/completions";

  private static RunningEdge edge;

  @BeforeAll
  static void start() {
    edge = RunningEdge.start(new FakeSessions(), "parley.http.max-body = 64 KiB");
  }

  @AfterAll
  static void stop() {
    edge.close();
  }

  // body (with ' for "); code; param
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{; invalid_json; ``",
        "[]; invalid_json; ``",
        "{'a':1,'a':2}; invalid_json; ``",
        "{'a':NaN}; invalid_json; ``",
        "{} {}; invalid_json; ``",
        "{'model':'fake'}; missing_required_parameter; messages",
        "{'model':'fake','messages':[]}; invalid_value; messages",
        "{'model':'fake','messages':{}}; invalid_type; messages",
        "{'model':'fake','messages':['x']}; invalid_type; messages[0]",
        "{'model':'fake','messages':[{'role':'user'}]}; missing_required_parameter;"
            + " messages[0].content",
        "{'model':'fake','messages':[{'role':'wizard','content':'x'}]}; invalid_value;"
            + " messages[0].role",
        "{'model':'fake','messages':[{'role':'user','content':[{'type':'image_url'}]}]};"
            + " unsupported_parameter; messages[0].content[0].type",
        "{'model':'fake','messages':[{'role':'user','content':'\\ud800'}]}; invalid_unicode;"
            + " messages[0].content",
        "{'messages':[{'role':'user','content':'x'}]}; missing_required_parameter; model",
        "{'model':7,'messages':[{'role':'user','content':'x'}]}; invalid_type; model",
        "{~,'max_tokens':-1}; invalid_value; max_tokens",
        "{~,'max_tokens':0}; invalid_value; max_tokens",
        "{~,'max_tokens':2147483648}; invalid_value; max_tokens",
        "{~,'max_tokens':1.5}; invalid_type; max_tokens",
        "{~,'max_tokens':4096}; invalid_value; max_tokens",
        "{~,'temperature':-1}; invalid_value; temperature",
        "{~,'temperature':1e999}; invalid_value; temperature",
        "{~,'temperature':'hot'}; invalid_type; temperature",
        "{~,'stop':['a','b','c','d','e']}; invalid_value; stop",
        "{~,'stop':['']}; invalid_value; stop[0]",
        "{~,'n':2}; unsupported_parameter; n",
        "{~,'tools':[{}]}; missing_required_parameter; tools[0].type",
        "{~,'tools':[{'type':'web_search'}]}; unsupported_parameter; tools[0].type",
        "{~,'tools':[{'type':'function'}]}; missing_required_parameter; tools[0].function",
        "{~,'tools':[{'type':'function','function':{'name':'a b'}}]}; invalid_value;"
            + " tools[0].function.name",
        "{~,'tools':[{'type':'function','function':{'name':'a','parameters':{'type':'string'}}}]};"
            + " invalid_schema; tools[0].function.parameters",
        "{~,'tools':[{'type':'function','function':{'name':'a','parameters':{'properties':{'x':"
            + "{'oneOf':[]}}}}}]}; unsupported_schema;"
            + " tools[0].function.parameters.properties.x.oneOf",
        "{~,'tools':[{'type':'function','function':{'name':'a','parameters':true}}]};"
            + " invalid_schema; tools[0].function.parameters",
        "{~,'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'maximum':"
            + "1e999}}}}; invalid_schema; response_format.json_schema.schema.maximum",
        "{~,'tool_choice':'required'}; invalid_value; tool_choice",
        "{~,'tool_choice':'perhaps'}; invalid_value; tool_choice",
        "{~,'tool_choice':{'type':'function','function':{'name':'x'}}}; invalid_value;"
            + " tool_choice.function.name",
        "{~,'response_format':{'type':'xml'}}; invalid_value; response_format.type",
        "{~,'response_format':{'type':'json_schema'}}; missing_required_parameter;"
            + " response_format.json_schema",
        "{~,'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'$ref':"
            + "'#'}}}}; invalid_schema; response_format.json_schema.schema",
        "{~,'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':"
            + "'string','maxLength':1000000}}}}; schema_too_large;"
            + " response_format.json_schema.schema.maxLength",
        "{'model':'fake','messages':[{'role':'tool','content':'x'}]}; missing_required_parameter;"
            + " messages[0].tool_call_id",
        "{'model':'fake','messages':[{'role':'assistant','tool_calls':[{'id':'c','function':{'name':"
            + "'f','arguments':'{'}}]}]}; invalid_value;"
            + " messages[0].tool_calls[0].function.arguments",
        "{~,'top_logprobs':3}; invalid_value; top_logprobs",
        "{~,'stream_options':{}}; invalid_value; stream_options",
        "{~,'metadata':{'a':1}}; invalid_type; metadata.a",
        "{~,'metadata':{'parley.key':'x'}}; invalid_value; metadata.parley.key",
      })
  void refusesWithACodeAndTheField(String body, String code, String param) throws Exception {
    String ok = "'model':'fake','messages':[{'role':'user','content':'x'}]";

    Answer answer = edge.post(CHAT, body.replace("~", ok).replace('\'', '"'));

    assertThat(answer.status()).as(answer.body()).isEqualTo(400);
    assertThat(answer.code()).isEqualTo(code);
    assertThat(answer.json().at("/error/param").asText("")).isEqualTo(param == null ? "" : param);
    assertThat(answer.json().at("/error/type").asText()).isEqualTo("invalid_request_error");
  }

  // path; body (with ' for "); code; param
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "responses; {'model':'fake'}; missing_required_parameter; input",
        "responses; {'model':'fake','input':[]}; invalid_value; input",
        "responses; {'model':'fake','input':7}; invalid_type; input",
        "responses; {'model':'fake','input':'\\udc00'}; invalid_unicode; input",
        "responses; {'model':'fake','input':[{'role':'wizard','content':'x'}]}; invalid_value;"
            + " input[0].role",
        "responses; {~,'text':{'format':{'type':'json_schema','name':'n'}}};"
            + " missing_required_parameter; text.format.schema",
        "responses; {~,'tools':[{'type':'function','name':'f','parameters':{'not':{}}}]};"
            + " unsupported_schema; tools[0].parameters.not",
        "responses; {~,'max_output_tokens':-1}; invalid_value; max_output_tokens",
        "responses; {~,'max_output_tokens':0}; invalid_value; max_output_tokens",
        "responses; {~,'max_output_tokens':2147483648}; invalid_value; max_output_tokens",
        "responses; {~,'temperature':-1}; invalid_value; temperature",
        "responses; {~,'temperature':NaN}; invalid_json; ``",
        "responses; {~,'background':true,'store':false}; invalid_value; background",
        "responses; {~,'previous_response_id':'resp_a_1','conversation':'conv_a'}; invalid_value;"
            + " previous_response_id",
        "responses; {~,'instructions':['x']}; invalid_type; instructions",
        "conversations; {'items':[{'role':'wizard','content':'x'}]}; invalid_value; items[0].role",
        "conversations; {'items':{}}; invalid_type; items",
        "conversations; {'metadata':[]}; invalid_type; metadata",
        "sessions; {'messages':[{'role':'user'}]}; missing_required_parameter;"
            + " messages[0].content",
        "sessions; []; invalid_json; ``",
      })
  void refusesWithACodeAndTheFieldElsewhere(String path, String body, String code, String param)
      throws Exception {
    String whole = body.replace("~", "'model':'fake','input':'x'").replace('\'', '"');

    Answer answer = edge.post("/v1/" + path, whole);

    assertThat(answer.status()).as(answer.body()).isEqualTo(400);
    assertThat(answer.code()).isEqualTo(code);
    assertThat(answer.json().at("/error/param").asText("")).isEqualTo(param == null ? "" : param);
  }

  @ParameterizedTest
  @CsvSource({
    "OVERLOADED, 429, overloaded",
    "JOURNAL_UNAVAILABLE, 503, journal_unavailable",
  })
  void saysWhenToComeAgain(RefusalReason reason, int status, String code) throws Exception {
    for (String more : new String[] {"", ",\"stream\":true"}) {
      String chat = "{\"model\":\"fake\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]";
      String response = "{\"model\":\"fake\",\"input\":\"x\"";
      edge.sessions.refuseNext(1, reason);
      assertComeAgain(edge.post(CHAT, chat + more + "}"), status, code);
      edge.sessions.refuseNext(1, reason);
      assertComeAgain(edge.post("/v1/responses", response + more + "}"), status, code);
    }
  }

  private static void assertComeAgain(Answer answer, int status, String code) throws Exception {
    assertThat(answer.status()).as(answer.body()).isEqualTo(status);
    assertThat(answer.code()).isEqualTo(code);
    assertThat(answer.headers().firstValue("Retry-After").orElseThrow()).matches("[1-9][0-9]*");
  }

  @Test
  void ignoresFieldsItDoesNotKnow() throws Exception {
    Answer answer =
        edge.post(
            CHAT,
            """
            {"model":"fake@1","messages":[{"role":"user","content":"x"}],"n":1,"user":"me",
             "tools":[],"response_format":{"type":"text"},"brand_new":{"x":1},"stop":null}""");
    assertThat(answer.status()).as(answer.body()).isEqualTo(200);
  }

  @Test
  void refusesUnknownModels() throws Exception {
    String body = "{\"model\":\"gone\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    assertThat(edge.post(CHAT, body).status()).isEqualTo(404);
    assertThat(edge.post(CHAT, body).code()).isEqualTo("model_not_found");
    assertThat(edge.get("/v1/models/gone").status()).isEqualTo(404);
    assertThat(edge.get("/v1/models/fake").json().path("id").asText()).isEqualTo("fake@1");
  }

  @Test
  void refusesDeepJson() throws Exception {
    Answer answer = edge.post(CHAT, "{\"a\":" + "[".repeat(5000) + "]".repeat(5000) + "}");
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.code()).isEqualTo("json_too_complex");
  }

  @Test
  void refusesInvalidUtf8() throws Exception {
    byte[] body = "{\"model\":\"X\"}".getBytes(StandardCharsets.UTF_8);
    for (byte[] bad : new byte[][] {{(byte) 0xff}, {(byte) 0xed, (byte) 0xa0, (byte) 0x80}}) {
      byte[] whole = new byte[body.length + bad.length];
      System.arraycopy(body, 0, whole, 0, 10);
      System.arraycopy(bad, 0, whole, 10, bad.length);
      System.arraycopy(body, 10, whole, 10 + bad.length, body.length - 10);
      assertThat(edge.send("POST", CHAT, whole).code()).isEqualTo("invalid_utf8");
    }
  }

  @Test
  void refusesLargeBodiesAndOtherTypes() throws Exception {
    Answer large = edge.post(CHAT, "{\"a\":\"" + "x".repeat(10 << 20) + "\"}");
    assertThat(large.status()).isEqualTo(413);
    assertThat(large.code()).isEqualTo("body_too_large");
    Answer text = edge.post(CHAT, "{}", "Content-Type", "text/plain");
    assertThat(text.status()).isEqualTo(415);
  }

  @Test
  void refusesWrongMethodsPathsIdsAndQueries() throws Exception {
    Answer method = edge.send("PUT", CHAT, new byte[0]);
    assertThat(method.status()).isEqualTo(405);
    assertThat(method.headers().firstValue("Allow")).contains("POST");
    Answer odd = edge.send("QUERY", CHAT, new byte[0]);
    assertThat(odd.status()).isEqualTo(405);
    assertThat(odd.headers().firstValue("Allow")).isPresent();
    assertThat(edge.get("/nothing").code()).isEqualTo("unknown_url");
    for (String path :
        new String[] {
          "/v1/responses/resp_x",
          "/v1/responses/resp_x_0",
          "/v1/responses/x%2Fy",
          "/v1/conversations/conv_%00",
          "/v1/sessions/sess_a/turns/01",
          "/v1/sessions/sess_missing/turns/99999999999",
        }) {
      assertThat(edge.get(path).status()).as(path).isEqualTo(404);
    }
    assertThat(edge.get("/v1/responses/resp_a_1?starting_after=x&stream=true").status())
        .isEqualTo(400);
    assertThat(edge.get("/v1/responses/resp_a_1?stream=maybe").param()).isEqualTo("stream");
    String body = "{\"model\":\"fake\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    assertThat(edge.post(CHAT, body, "Last-Event-ID", "sess_a.1.0.0").code())
        .isEqualTo("invalid_last_event_id");
    assertThat(edge.post(CHAT, body, "X-Parley-On-Disconnect", "maybe").status()).isEqualTo(400);
  }

  @Test
  void answersWhatIsNotHttpWithAnErrorObject() throws Exception {
    try (Socket socket = new Socket("127.0.0.1", edge.server.address().getPort())) {
      OutputStream out = socket.getOutputStream();
      out.write("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      String reply = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(reply).startsWith("HTTP/1.1 400").contains("\"code\":\"invalid_http\"");
    }
  }

  @Test
  void saysHowItIs() throws Exception {
    assertThat(edge.get("/health/live").status()).isEqualTo(200);
    assertThat(edge.get("/health/ready").json().at("/checks/journal/ok").asBoolean()).isTrue();
    assertThat(edge.get("/openapi.json").json().path("openapi").asText()).startsWith("3.1");
    assertThat(edge.get("/v1/models").json().at("/data/0/context_length").asInt()).isEqualTo(2048);
  }
}
