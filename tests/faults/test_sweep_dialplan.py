"""pbx-dialplan-gen --deploy is killed before each of its steps, and each of its steps fails: Asterisk can load the folder at any
moment."""
import os
import re

import sweep

FOREIGN = {'extensions.conf': b'; the operator\'s own\r\n[general]\nstatic=yes\n#include "ext_My-own.conf"\n',
           'ext_My-own.conf': b'[mine]\nexten => 1,1,Hangup()\n',
           'pjsip.conf': b'[transport]\ntype=transport\nprotocol=udp\nbind=127.0.0.1'}


class DeployWorld:
    """Three organizations are deployed. Since then one was suspended, one changed, and one added; queues.conf never existed."""
    tool = 'pbx-dialplan-gen'

    def __init__(self, case, work):
        self.work = work
        self.folder = work.path / 'asterisk'
        self.folder.mkdir()
        work.env['PBX_ASTERISK_DIR'] = str(self.folder)
        self.before, self.after = dict(FOREIGN), None
        self.prepare()
        for name in ('same', 'changes', 'goes'):
            self.organization(name)
        case.assertEqual(self.run().status, 0)
        self.before = self.read()
        del self.before['queues.conf']
        self.organization('comes')
        work.db.sql("update organizations set status = 'suspended' where name = 'goes'; update users set recording_enabled = "
                    "false from organizations o where o.id = org_id and o.name = 'changes'")
        self.prepare()
        case.assertEqual(self.run().status, 0)
        self.after = self.read()
        case.assertNotEqual(self.before, self.after)

    def organization(self, name):
        db = self.work.db
        org = db.value(f"insert into organizations (name, context_prefix) values ('{name}', 'org_{name}') returning id")
        db.sql(f"""insert into users (org_id, username, extension, sip_password) values ('{org}', 'u', '1001', 'secret-12345');
                   insert into queues (org_id, number, name) values ('{org}', '5001', 'q');
                   insert into queue_members (queue_id, user_id)
                       select q.id, u.id from queues q join users u using (org_id) where q.org_id = '{org}'""")

    def read(self):
        return {file.name: file.read_bytes() for file in self.folder.iterdir() if not file.name.startswith('.')}

    def prepare(self):
        for file in self.folder.iterdir():
            file.unlink()
        for name, text in self.before.items():
            (self.folder / name).write_bytes(text)

    def settle(self):
        pass

    def run(self, before=()):
        return self.work.run(self.tool, '--deploy', before=before)

    def temporary_files(self):
        return [name for name in os.listdir(self.folder) if name.endswith(('.tmp', '.writing'))]

    def judge(self, case, _result):
        now = self.read()
        for name, text in now.items():
            case.assertIn(text, (self.before.get(name), self.after.get(name)), f'{name} is neither as before nor as after')
        for name in self.before.keys() & self.after.keys():
            case.assertIn(name, now, 'a file that is meant to stay is gone')
        for main_file in ('extensions.conf', 'pjsip.conf', 'queues.conf'):
            for included in re.findall(rb'(?m)^#(?:try)?include "?([^"\r\n]+)', now.get(main_file, b'')):
                case.assertIn(included.decode(), now, f'{main_file} includes a file that is not there')

    def judge_end(self, case, _result):
        case.assertEqual(self.read(), self.after)
        case.assertEqual(self.temporary_files(), [])


class Deploy(sweep.SweepCase):
    seconds = 12

    def world(self):
        return DeployWorld(self, self.workdir(remote=None))


if __name__ == '__main__':
    sweep.main('pbx-dialplan-gen --deploy')
