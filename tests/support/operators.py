"""An Asterisk folder with an operator's own main files, into which pbx-dialplan-gen deploys organizations."""
from workdir import Case

ORDER = '[global]\ntype=global\nendpoint_identifier_order=username,ip,anonymous\n'


class OperatorCase(Case):
    def pbx_with(self, organizations, **files):
        """A workdir with these main files (extensions=..., pjsip=..., queues=...). `organizations` has the asterisk_endpoint
        of each one's phone 1002, or None, by prefix; each has a phone 1001, a queue 5001 and a trunk too."""
        work = self.workdir(remote=None)
        work.asterisk_folder(**{'pjsip': ORDER, **files})
        for number, (prefix, endpoint) in enumerate(organizations.items(), 1):
            org = work.db.insert('organizations', name=prefix, context_prefix=prefix)
            work.db.insert('sip_trunks', org_id=org, name='carrier', host=f'192.0.2.{number}', approved_at='now')
            work.db.insert('queues', org_id=org, number='5001')
            for extension, name in (('1001', None), ('1002', endpoint)):
                work.db.insert('users', org_id=org, extension=extension, full_name='Alice', asterisk_endpoint=name,
                               sip_password=f'lamps-over-water-{extension}')
        return work

    def generate(self, work, *arguments, expect=0, **how):
        return self.status(work.run('pbx-dialplan-gen', *arguments, **how), expect)
