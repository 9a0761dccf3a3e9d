/* The commands that read the configuration: check, routes, explain, schema, and what errors look like. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "e2e/portico.h"

SUITE(check);

static bool says(struct run run, const char *text)
{
    return strstr(run.all, text) != NULL;
}

Test(check, a_good_file_is_fine)
{
    struct run run = portico_does("check -c portico.yaml", "routes: {app.localhost: 3000}\n");

    cr_expect_eq(run.status, 0, "%s", run.all);
}

Test(check, all_errors_come_at_once_with_place_and_suggestion)
{
    struct run run = portico_does("check -c portico.yaml", "routes:\n"
                                                           "  http://a.test:\n"
                                                           "    to: 3000\n"
                                                           "    strip_prefx: /x\n"
                                                           "  http://b.test:0: 3000\n"
                                                           "timeouts: {connect: soon}\n"
                                                           "worker: 2\n");

    cr_expect_eq(run.status, 1);
    cr_expect(says(run, "portico.yaml:4:5: error: unknown key \"strip_prefx\" in route http://a.test\n"
                        " 4 |     strip_prefx: /x\n"
                        "   |     ^^^^^^^^^^^ did you mean \"strip_prefix\"?\n") ||
                  says(run, "portico.yaml:4:5: error: unknown key \"strip_prefx\" in route http://a.test/\n"
                            " 4 |     strip_prefx: /x\n"
                            "   |     ^^^^^^^^^^^ did you mean \"strip_prefix\"?\n"),
              "%s", run.all);
    cr_expect(says(run, "portico.yaml:5:3: error: "), "%s", run.all);
    cr_expect(says(run, "portico.yaml:6:21: error: "), "%s", run.all);
    cr_expect(says(run, "portico.yaml:7:1: error: unknown key \"worker\""), "%s", run.all);
    cr_expect(says(run, "did you mean \"workers\"?"), "%s", run.all);
}

static const struct {
    const char *name, *yaml, *says;
} wrong[] = {
    {"two routes that take the same", "routes:\n  http://a.test: 1\n  a.test:80/: 2\n", "portico.yaml:"},
    {"a key twice", "routes:\n  a.test: 1\n  a.test: 2\n", "portico.yaml:3"},
    {"an unknown scheme", "routes: {htp://a.test: 1}\n", "http"},
    {"tcp without a port", "routes: {\"tcp://\": 1}\n", "port"},
    {"a port out of range", "routes: {\"http://a.test:65536\": 1}\n", "65535"},
    {"a missing variable", "routes: {a.test: \"${NO_SUCH_VARIABLE}\"}\n", "NO_SUCH_VARIABLE"},
    {"a certificate that is not there",
     "routes: {\"https://a.test\": 1}\ncertificates: [{cert: gone.pem, key: gone.key}]\n", "gone.pem"},
    {"a pool that is not there", "routes: {\"http://a.test\": \"@pool\"}\n", "there is no pool \"@pool\""},
    {"a pool's key in a route that shares it",
     "routes: {a.test: {to: \"@shop\", health: /up}}\nbackends: {shop: 1}\n",
     "\"health\" belongs to the pool"},
    {"a URL that takes another route than expected",
     "routes:\n  http://a.test: 1\n  http://a.test/api: 2\nexpect:\n  http://a.test/api/v1: http://a.test\n",
     "portico.yaml:5:3: error: expect: http://a.test/api/v1 takes the route http://a.test/api/ (line 3), not "
     "http://a.test"},
    {"no YAML", "routes: {a: [\n", "portico.yaml:"},
    {"nothing", "", "portico.yaml"},
    {"an anchor bomb",
     "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
     "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\n"
     "g: &g [*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g]\nroutes: {a.test: *h}\n",
     "portico.yaml:"},
};

Test(check, wrong_files_are_told_why)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct run run = portico_does("check -c portico.yaml", "%s", wrong[i].yaml);

        cr_expect_eq(run.status, 1, "%s: exit %d\n%s", wrong[i].name, run.status, run.all);
        cr_expect(says(run, wrong[i].says), "%s: %s", wrong[i].name, run.all);
        cr_expect(says(run, "error"), "%s: %s", wrong[i].name, run.all);
    }
}

Test(check, a_key_of_another_certificate_is_refused)
{
    struct certificate ca = authority_make("test authority");
    struct certificate a = certificate_make(&ca, "ec", "DNS:a.test"),
                       b = certificate_make(&ca, "ec", "DNS:b.test");
    struct run run =
        portico_does("check -c portico.yaml",
                     "routes: {\"https://a.test\": 1}\ncertificates: [{cert: %s, key: %s}]\n", a.cert, b.key);

    cr_expect_eq(run.status, 1);
    cr_expect(says(run, "key"), "%s", run.all);
}

Test(check, clashing_routes_are_both_named)
{
    struct run run =
        portico_does("check -c portico.yaml", "routes:\n  http://a.test/v1: 1\n  http://A.test:80/v1/: 2\n");

    cr_expect_eq(run.status, 1);
    cr_expect(says(run, ":3:3: error"), "%s", run.all);
    cr_expect(says(run, "line 2") || says(run, ":2:3"), "%s", run.all);
}

Test(check, run_refuses_what_check_refuses)
{
    struct run run = portico_does("run -c portico.yaml", "routes: {a.test: 1}\nnonsense: 1\n");

    cr_expect_eq(run.status, 1);
    cr_expect(says(run, "unknown key \"nonsense\""), "%s", run.all);
}

Test(check, exit_codes_tell_wrong_use_from_wrong_files)
{
    cr_expect_eq(portico_cli("check -c not-there.yaml").status, 1);
    cr_expect_eq(portico_cli("chek").status, 2);
    cr_expect_eq(portico_cli("run --no-such-option").status, 2);
    cr_expect_eq(portico_cli("version").status, 0);
    cr_expect(says(portico_cli("version"), "OpenSSL"));
    cr_expect(says(portico_cli("version"), "c-ares"));
    cr_expect_eq(portico_cli("--help").status, 0);
}

Test(check, environment_variables_stand_in_values)
{
    struct backend *backend = backend_saying("by variable");
    int port = scene_port();

    portico_start_by(scene_text("export BACK=%d; exec", backend->port),
                     "routes: {\"http://a.test:%d\": \"${BACK}\"}\nworkers: ${WORKERS:-1}\n", port);
    assert_honest(port, "a.test", "by variable");
}

/* ---- looking at the table ---- */

static const char table[] = "routes:\n"
                            "  http://a.test/: 3000\n"
                            "  http://a.test/v1/: 3001\n"
                            "  http://*.test: 3002\n"
                            "  ssh://:443: 22\n"
                            "  tls://vault.test: 10.0.0.9:8443\n";

Test(check, routes_shows_the_effective_table)
{
    struct run run = portico_does("routes -c portico.yaml", "%s", table);

    cr_expect_eq(run.status, 0);
    cr_expect(says(run, "a.test/v1"), "%s", run.all);
    cr_expect(says(run, "127.0.0.1:3001"), "%s", run.all);
    cr_expect(says(run, "10.0.0.9:8443"), "%s", run.all);
    cr_expect(says(run, "443"), "%s", run.all);
}

static const char pools[] = "routes: {\"http://a.test\": \"@shop\"}\n"
                            "backends:\n"
                            "  shop:\n"
                            "    to: [10.0.0.7:80, {address: 10.0.0.8:80, weight: 2, backup: true}]\n"
                            "    health: /up\n";

Test(check, pools_are_shown_with_their_targets_and_options)
{
    struct run run = portico_does("check -c portico.yaml", "%s", pools);

    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect(says(run, ", 1 pool\n"), "%s", run.all);
    run = portico_cli("routes -c portico.yaml");
    cr_expect(says(run, "@shop: 10.0.0.7:80, 10.0.0.8:80 (weight 2, backup)"), "%s", run.all);
    cr_expect(says(run, "health=/up"), "%s", run.all);
    run = portico_cli("explain -c portico.yaml http://a.test/");
    cr_expect(
        says(run, "pool @shop\ngoes to 10.0.0.7:80\nor to 10.0.0.8:80 (weight 2, backup)\nwith health=/up\n"),
        "%s", run.all);
}

Test(check, explain_tells_which_route_and_why)
{
    struct run run = portico_does("explain -c portico.yaml http://a.test/v1/x", "%s", table);

    cr_expect_eq(run.status, 0);
    cr_expect(says(run, "http://a.test/v1"), "%s", run.all);
    cr_expect(says(run, "3001"), "%s", run.all);
    run = portico_cli("explain -c portico.yaml http://x.y.test/v1");
    cr_expect(says(run, "*.test"), "%s", run.all);
    cr_expect(says(run, "3002"), "%s", run.all);
    run = portico_cli("explain -c portico.yaml http://nobody.example/");
    cr_expect(says(run, "404") || says(run, "no route"), "%s", run.all);
    run = portico_cli("explain -c portico.yaml https://vault.test/ --sni vault.test");
    cr_expect(says(run, "10.0.0.9:8443"), "%s", run.all);
}

Test(check, the_schema_is_json_and_knows_the_keys)
{
    struct run run = sh(
        "%s schema >schema.json && node -e '"
        "const s = JSON.parse(require(\"fs\").readFileSync(\"schema.json\")), root = s.$defs.root;"
        "console.log(s.$ref, Object.keys(root.properties).includes(\"routes\"), root.additionalProperties)'",
        portico_binary());

    cr_expect_str_eq(run.all, "#/$defs/root true false\n");
}

/* ---- ports ---- */

Test(check, warns_of_a_port_that_another_program_holds)
{
    struct backend *holder = backend_saying("mine"); /* this test's process */
    const char *name = file_read("/proc/self/comm");
    struct run run =
        portico_does("check -c portico.yaml", "routes: {\"http://a.test:%d\": 1}\n", holder->port);
    const char *held =
        scene_text("portico: warning: port %d is held by %.*s (pid %d): stop it, or give Portico "
                   "another port\n",
                   holder->port, (int)strcspn(name, "\n"), name, (int)getpid());

    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect_str_eq(run.err, held, "once, not for each address");
    cr_expect(says(run, "portico.yaml is fine"), "%s", run.all);
}

Test(check, does_not_warn_of_what_the_running_portico_of_the_file_holds)
{
    struct backend *holder = backend_saying("mine");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, holder->port);
    struct run run = portico_cli("check -c portico.yaml");

    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect_str_eq(run.err, "");
    cr_expect_str_eq(portico_cli("check").err, "", "nor without -c");
    scene_file("other.yaml", "routes: {\"http://b.test:%d\": 1}\n", port);
    run = portico_cli("check -c other.yaml");
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect(says(run, scene_text("port %d is held by portico (pid %d)", port, (int)portico->pid)), "%s",
              run.all);
    scene_file("portico.yaml", "%s", file_read(scene_path("other.yaml")));
    cr_expect_eq(portico_stop(portico), 0);
    cr_expect_str_eq(portico_cli("check").err, "", "free again");
}

Test(check, warns_of_a_port_that_needs_a_privilege_or_an_address)
{
    struct run run;

    scene_alone();
    scene_needs_root();
    scene_file("portico.yaml", "routes: {\"http://a.test:80\": 1}\n");
    cr_assert_eq(sh("chmod 755 . && chmod 644 portico.yaml").status, 0);
    run = sh("exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all %s check -c "
             "portico.yaml",
             portico_binary());
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect(says(run, "portico: warning: port 80 needs a privilege this process lacks"), "%s", run.all);
    run = portico_does("check -c portico.yaml",
                       "routes: {\"http://a.test:80\": 1}\nlisten: {80: {bind: [192.0.2.77]}}\n");
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect(says(run, "port 80 of 192.0.2.77 cannot be opened: that address is on no interface"), "%s",
              run.all);
}
